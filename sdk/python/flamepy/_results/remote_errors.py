"""Errors of tasks that are what the task raised, too: ``except KeyError`` catches them."""

from __future__ import annotations

import concurrent.futures
import sys
import types
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from flamepy._model.errors import FlameError, FlameErrorCode, RemoteTaskError
from flamepy._names.public import public
from flamepy._values.exception_pickles import Told, native_new, reduced_exception, state_of

#: Those mean something to whoever awaits or iterates, also where nobody catches them by name.
_NEVER = (StopIteration, StopAsyncIteration, concurrent.futures.CancelledError)
_kinds: WeakKeyDictionary[type[BaseException], type[RemoteTaskError]] = WeakKeyDictionary()


@public("flamepy.core.types")
def remote_task_error(
    message: str,
    session_id: str,
    task_id: str,
    remote_type: str,
    remote_traceback: str,
    original: BaseException | type[BaseException] | Told | None,
) -> RemoteTaskError:
    """Return the error of a task; it is of the original's class where that can be.

    Args:
        original: the exception, or where that could not be loaded its class.
    """
    if isinstance(original, Told):
        return remote_task_error(  # It was copied, and not loaded.
            message, session_id, task_id, remote_type, remote_traceback, original.made()
        )
    told = (message, session_id, task_id, remote_type, remote_traceback)
    kind = RemoteTaskError if original is None else _kind_of(_class_of(original))
    error: RemoteTaskError
    if kind is RemoteTaskError:
        error = RemoteTaskError(*told)
    else:
        try:
            error = _combined(kind, original, told)
        except Exception:  # Attributes of the user's may refuse anything.
            error = RemoteTaskError(*told)
    if isinstance(original, BaseException):
        error.__cause__ = original
    return error


def class_names(kind: type[BaseException]) -> list[str]:
    """Return a class and what it comes from, for a client that cannot load an exception of it."""
    return [f"{each.__module__}:{each.__qualname__}" for each in kind.__mro__[:16]]


def known_class(names: list[str]) -> type[Exception] | None:
    """Return the first class of these names that is loaded here. Nothing is imported."""
    for name in names:
        module, _, qualname = name.partition(":")
        found: Any = sys.modules.get(module)
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return None if found is Exception else found
    return None


def _class_of(original: BaseException | type[BaseException]) -> type[BaseException]:
    return original if isinstance(original, type) else type(original)


def _kind_of(kind: type[BaseException]) -> type[RemoteTaskError]:
    if issubclass(kind, RemoteTaskError):
        return kind
    if not issubclass(kind, Exception) or issubclass(kind, _NEVER):
        return RemoteTaskError
    found = _kinds.get(kind)
    if found is None:
        try:
            found = types.new_class(
                "RemoteTaskError", (RemoteTaskError, kind), {}, lambda names: names.update(_NAMES)
            )
        except Exception:  # Their class takes no subclasses, or not such ones.
            found = RemoteTaskError
        _kinds[kind] = found
    return found


def _combined(
    kind: type[RemoteTaskError], original: Any, told: tuple[str, str, str, str, str]
) -> RemoteTaskError:
    has_original = isinstance(original, BaseException)
    given = original.args if has_original else ()
    if issubclass(kind, BaseExceptionGroup) and not has_original:
        return RemoteTaskError(*told)
    error: RemoteTaskError = native_new(kind)(kind, *given)
    state = state_of(original) if has_original else {}
    state.pop("__notes__", None)  # They are in the remote traceback.
    for name, value in state.items():
        with suppress(AttributeError, TypeError):
            setattr(error, name, value)
    if isinstance(original, FlameError) or "message" not in state:
        vars(error)["message"] = told[0]
    if "code" not in state:
        vars(error)["code"] = FlameErrorCode.INTERNAL
    error._tell(*told)
    error._original = original
    return error


def _reduce(error: RemoteTaskError) -> Any:
    original = error._original
    parts = reduced_exception(original) if isinstance(original, BaseException) else NotImplemented
    # Whatever pickler this is for.
    return remote_task_error, (
        *error._told,
        original if parts is NotImplemented else Told(*parts),
    )


_NAMES = {
    "__module__": RemoteTaskError.__module__,
    "__doc__": RemoteTaskError.__doc__,
    "__reduce__": _reduce,
    "__reduce_ex__": lambda error, _protocol: _reduce(error),
}
