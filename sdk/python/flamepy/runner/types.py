"""Types of the published Runner; its pickles name them under this path."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

_SESSION_ID_CHARACTERS_MAX = 128


@dataclass
class SessionContext:
    """Wishes for the session that the Runner makes for an object.

    It is the attribute ``_session_context`` of the function, class or object.

    Attributes:
        session_id: its id, 1 to 128 characters; None for a generated one. A session of that id
            that is open already is used.
        application_name: for logs.

    Raises:
        ValueError: one is of another type, or the id has another length.
    """

    session_id: str | None = None
    application_name: str | None = None

    def __post_init__(self) -> None:
        self._check_text("session_id")
        self._check_text("application_name")
        if self.session_id is None:
            return
        if not self.session_id:
            raise ValueError("session_id cannot be empty string: leave it out for a generated one")
        if len(self.session_id) > _SESSION_ID_CHARACTERS_MAX:
            raise ValueError(
                f"session_id too long ({len(self.session_id)} chars, "
                f"max {_SESSION_ID_CHARACTERS_MAX})"
            )

    def _check_text(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} must be a string, got {type(value)}")


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
        min_instances: least instances of the session; derived.
        max_instances: most instances of the session, None for no limit; derived.

    Raises:
        ValueError: the object cannot have what was asked for.
    """

    execution_object: Any
    stateful: bool | None = None
    autoscale: bool | None = None
    warmup: int = 0
    min_instances: int = field(init=False, repr=False)
    max_instances: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.warmup < 0:
            raise ValueError(f"warmup must be a non-negative integer, got {self.warmup}.")
        if inspect.isclass(self.execution_object) or callable(self.execution_object):
            self._derive_stateless()
        else:
            self._derive_stateful()

    def _derive_stateless(self) -> None:
        if self.stateful:
            raise ValueError(
                "Functions, builtins, and classes are always stateless. "
                "Omit stateful or pass stateful=False."
            )
        self.stateful = False
        self.autoscale = self.autoscale is None or self.autoscale
        self.min_instances = self.warmup if self.autoscale else self.warmup or 1
        self.max_instances = None if self.autoscale else self.min_instances

    def _derive_stateful(self) -> None:
        what = "Object instance services"
        if self.stateful is False:
            raise ValueError(f"{what} are always stateful. Omit stateful or pass stateful=True.")
        if self.autoscale:
            raise ValueError(f"{what} are always fixed. Omit autoscale or pass autoscale=False.")
        if self.warmup > 1:
            raise ValueError(f"{what} only support warmup=0 or warmup=1, got {self.warmup}.")
        self.stateful, self.autoscale = True, False
        self.min_instances = self.max_instances = 1


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
        self._check("method", str, "a string or None")
        self._check("args", (tuple, list), "a tuple or list")
        self._check("kwargs", dict, "a dict")

    def _check(self, name: str, wanted: type | tuple[type, ...], text: str) -> None:
        value = getattr(self, name)
        if value is not None and not isinstance(value, wanted):
            raise ValueError(f"RunnerRequest: {name} must be {text}, got {type(value)}")
