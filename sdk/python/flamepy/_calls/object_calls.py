"""Sessions of a function, class or object itself, as both sides see them (docs/flmrun.md, 10)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flamepy._calls.called import called
from flamepy._calls.named_arguments import refuse_arguments
from flamepy._calls.requests import INLINE_BYTES_MAX, Upload, seal_or_upload, uploaded
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._values import codec
from flamepy._values.envelope import Envelope
from flamepy._values.plain import call_frame, is_plain, plain_pickle


@dataclass(frozen=True)
class Callables:
    """What clients may call of the object of a session.

    Attributes:
        itself: the object itself.
        methods: names of its public methods.
        instantiate: it is a class: what is called is an instance, one on each executor.
    """

    itself: bool
    methods: tuple[str, ...]
    instantiate: bool

    @classmethod
    def of(cls, thing: Any) -> Callables:
        """Look at what a session is created with.

        Raises:
            FlameError: INVALID_ARGUMENT, when nothing of it can be called, or when it is a class
                that cannot be instantiated without arguments.
        """
        if isinstance(thing, type):
            _refuse_arguments(thing)
            itself = any("__call__" in vars(base) for base in thing.__mro__)
            return cls(itself, _public_methods(thing), True)
        if callable(thing) and (inspect.isroutine(thing) or isinstance(thing, functools.partial)):
            return cls(True, (), False)
        found = cls(callable(thing), _public_methods(type(thing), thing), False)
        if type(thing).__module__ == "builtins" or not (found.itself or found.methods):
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"common data of a session is a {type(thing).__name__}: expected a function, a "
                "class, an object with methods, a RunnerContext, bytes or None",
            )
        return found

    @classmethod
    def told_by(cls, envelope: Envelope) -> Callables | None:
        """Read the header of common data; None when it is that of a RunnerContext."""
        told = envelope.header.get("calls")
        if not isinstance(told, dict):
            return None
        return cls(bool(told.get("self")), tuple(told["methods"]), bool(told.get("instantiate")))

    def header(self) -> dict[str, Any]:
        """Return what common data says of it."""
        told = {"self": self.itself, "methods": self.methods, "instantiate": self.instantiate}
        return {"calls": told}


@dataclass(frozen=True)
class Calls:
    """What one task calls.

    Attributes:
        method: name of the method; None for the object itself.
        args: positional arguments; of several calls those of each.
        kwargs: keyword arguments of the one call; None when there are several.
    """

    method: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any] | None

    def encoded(self, prefix: str) -> bytes:
        """Return the input of the task.

        Raises:
            TypeError: an argument cannot be pickled; the text names it.
            FlameError: it is large, and the object cache does not take it.
        """
        return uploaded(self.encoded_or_upload(prefix))

    def encoded_or_upload(self, prefix: str) -> bytes | Upload:
        """Return the same, but put nothing yet: of a large one return what does.

        Raises:
            TypeError: an argument cannot be pickled; the text names it.
        """
        how = "many" if self.kwargs is None else "one"
        body = (self.method, self.args, self.kwargs)
        if self.kwargs is not None and all(map(is_plain, (*self.args, *self.kwargs.values()))):
            # The same pickle, without looking for what only cloudpickle can name.
            plain = plain_pickle(body)
            if len(plain) <= INLINE_BYTES_MAX - len(codec.PICKLE_PREFIX):
                return call_frame() + plain
        return seal_or_upload({"call": how}, _pickled(self, body), prefix)

    @classmethod
    def loaded(cls, body: Any) -> Calls:
        """Return what a pickle of a request gave."""
        return cls(*body)

    def on(self, target: Callable[..., Any]) -> Any:
        """Call, once or several times, and return the result or the list of results."""
        if self.kwargs is not None:
            return called(target, list(self.args), dict(self.kwargs))
        return [called(target, list(each), {}) for each in self.args]


def is_calls(envelope: Envelope) -> bool:
    """Whether an input is a call of a session of an object, and no RunnerRequest."""
    return envelope.text("call") in ("one", "many")


def _pickled(calls: Calls, body: tuple[Any, ...]) -> memoryview:
    try:
        return codec.pickled(body, "the arguments of the call")
    except TypeError:
        call = f"{calls.method}()" if calls.method else "the call"
        for args in calls.args if calls.kwargs is None else (calls.args,):
            refuse_arguments(args, calls.kwargs, call)
        raise


def _public_methods(kind: type, thing: Any = None) -> tuple[str, ...]:
    own = getattr(thing, "__dict__", {})
    found = {name for name in dir(kind) if callable(getattr(kind, name, None))}
    found |= {name for name, value in own.items() if callable(value)}
    return tuple(sorted(name for name in found if not name.startswith("_")))


def _refuse_arguments(kind: type) -> None:
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError):
        return  # Nobody can tell; each task will say so.
    try:
        signature.bind()
    except TypeError as error:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"class {kind.__qualname__} cannot be instantiated on the executors without arguments "
            f"({error}): give them defaults, or pass an object of it, which has one instance",
        ) from None
