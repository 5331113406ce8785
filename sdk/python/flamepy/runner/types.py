"""Types of the published Runner; its pickles name them under this path."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

_SESSION_ID_CHARACTERS_MAX = 128


@dataclass
class SessionContext:
    """Wishes for the session that the Runner makes for an object.

    Attributes:
        session_id: its id, 1 to 128 characters; None for a generated one.
        application_name: for logs.
    """

    session_id: str | None = None
    application_name: str | None = None

    def __post_init__(self) -> None:
        if self.session_id is None:
            return
        if not isinstance(self.session_id, str) or not (
            1 <= len(self.session_id) <= _SESSION_ID_CHARACTERS_MAX
        ):
            raise ValueError(
                f"session_id should be 1 to {_SESSION_ID_CHARACTERS_MAX} characters, "
                f"got {self.session_id!r}"
            )


@dataclass
class RunnerContext:
    """What the tasks of a Runner's service share.

    Functions and classes are always stateless; other objects are always stateful and have one
    instance.

    Attributes:
        execution_object: what to call; a class is instantiated once per instance.
        stateful: derived; a contradicting value is refused.
        autoscale: whether instances come and go with the demand.
        warmup: instances kept when there is no demand.
    """

    execution_object: Any
    stateful: bool | None = None
    autoscale: bool | None = None
    warmup: int = 0

    def __post_init__(self) -> None:
        thing = self.execution_object
        stateful = not (inspect.isclass(thing) or callable(thing))
        if self.warmup < 0:
            raise ValueError(f"warmup should be 0 or more, got {self.warmup}")
        if self.stateful is not None and self.stateful != stateful:
            raise ValueError(
                "instances are always stateful"
                if stateful
                else "functions and classes are always stateless"
            )
        self.stateful = stateful
        if stateful and self.autoscale:
            raise ValueError("instances are always fixed: autoscale should be False")
        if stateful and self.warmup > 1:
            raise ValueError("instances only support warmup=0 or warmup=1")
        if self.autoscale is None:
            self.autoscale = not stateful

    @property
    def min_instances(self) -> int:
        """Least instances of the session."""
        if self.stateful:
            return 1
        return self.warmup if self.autoscale else self.warmup or 1

    @property
    def max_instances(self) -> int | None:
        """Most instances of the session; None for no limit."""
        return None if self.autoscale else self.min_instances


@dataclass
class RunnerRequest:
    """One call of the published Runner; positional and keyword arguments may come together."""

    method: str | None = None
    args: tuple[Any, ...] | list[Any] | None = None
    kwargs: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check the types of the fields.

        Raises:
            ValueError: one is of another type.
        """
        for name, wanted in (("method", str), ("args", (tuple, list)), ("kwargs", dict)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, wanted):
                raise ValueError(
                    f"RunnerRequest: {name} has the unexpected type {type(value).__name__}"
                )
