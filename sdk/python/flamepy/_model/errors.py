"""Errors of flamepy.

::

    Exception
     +-- FlameError               what the cluster, the object cache or a wrong call reports
          +-- RemoteTaskError     a task failed; carries type, text and traceback of its error
          +-- PythonVersionError  pickled code would have to cross Python minor versions
          +-- FlameValueError     an argument cannot be used; a ValueError too
          +-- ObjectNotFoundError the object cache has no such object; a KeyError and ValueError too
               +-- ObjectLostError it was put with ``durable=False``, and a power cut took it

Waiting calls with a timeout raise the built-in ``TimeoutError``; a task that was cancelled raises
``concurrent.futures.CancelledError``; arguments that can be judged without asking anyone raise
``ValueError``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from flamepy._names.public import public


@public("flamepy.core.types")
class FlameErrorCode(IntEnum):
    """What kind of thing went wrong."""

    INVALID_CONFIG = 0
    INVALID_STATE = 1
    INVALID_ARGUMENT = 2
    INTERNAL = 3
    ALREADY_EXISTS = 4
    NOT_FOUND = 5


@public("flamepy.core.types")
class FlameError(Exception):
    """An error with a code; ``str()`` gives ``<message> (code: <number>)``.

    Attributes:
        code: the kind of error.
        message: what happened, where, and what to do, without the code.
    """

    def __init__(self, code: FlameErrorCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} (code: {int(self.code)})"

    def _repr_html_(self) -> str:
        from flamepy._model.html import record

        fields: list[tuple[str, object]] = [("message", self.message), ("code", self.code.name)]
        fields += [(name, getattr(self, name, None)) for name in ("session_id", "task_id")]
        return record(type(self).__name__, fields, getattr(self, "remote_traceback", ""))


@public("flamepy.core.types")
class RemoteTaskError(FlameError):
    """A task failed on its executor.

    The error of a call (of an Executor, of a RunnerRequest) is of the class that the task raised as
    well: ``except KeyError`` catches a KeyError of a task, with its arguments and attributes. That
    holds for every class that is loaded here, but for those that are no Exception (SystemExit,
    KeyboardInterrupt), StopIteration, StopAsyncIteration and CancelledError, and those that take no
    subclasses.

    ``__cause__`` is the original exception when it could be loaded here, else None. The remote
    traceback is attached as a note, so that Python prints it below the error.

    Attributes:
        session_id: the session of the task.
        task_id: the task.
        remote_type: name of the remote exception's class; empty when the executor did not say.
        remote_traceback: text of the remote traceback; empty when the executor sent none.
    """

    #: The exception of the task, or its class, where this is of that class as well.
    _original: Any = None

    def __init__(
        self,
        message: str,
        session_id: str = "",
        task_id: str = "",
        remote_type: str = "",
        remote_traceback: str = "",
    ) -> None:
        super().__init__(FlameErrorCode.INTERNAL, message)
        self._tell(message, session_id, task_id, remote_type, remote_traceback)

    def _tell(
        self,
        message: str,
        session_id: str,
        task_id: str,
        remote_type: str,
        remote_traceback: str,
    ) -> None:
        self._told = (message, session_id, task_id, remote_type, remote_traceback)
        self.session_id = session_id
        self.task_id = task_id
        self.remote_type = remote_type
        self.remote_traceback = remote_traceback
        if remote_traceback:
            self.add_note(
                f"Remote traceback of task {task_id} in session {session_id}:\n"
                f"{remote_traceback.rstrip()}"
            )

    def __str__(self) -> str:
        return f"{self._told[0]} (code: {int(FlameErrorCode.INTERNAL)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self._told)


@public("flamepy.core.types")
class PythonVersionError(FlameError):
    """Pickled code was made with another Python minor version than the one that should load it.

    Byte code differs between minor versions; loading it anyway can crash the interpreter, so this
    is found out from a plain header, before anything is unpickled.
    """

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.INVALID_STATE, message)

    def __reduce__(self) -> tuple[type[PythonVersionError], tuple[str]]:
        return (type(self), (self.message,))


@public("flamepy.core.types")
class FlameValueError(FlameError, ValueError):
    """An argument cannot be used: INVALID_ARGUMENT, where flamepy 0.6.0 raised a ValueError."""

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.INVALID_ARGUMENT, message)

    def __reduce__(self) -> tuple[type[FlameValueError], tuple[str]]:
        return (type(self), (self.message,))


@public("flamepy.core.types")
class ObjectNotFoundError(FlameError, KeyError, ValueError):
    """The object cache has no such object: NOT_FOUND.

    flamepy 0.6.0 raised a KeyError or a ValueError, so it is both.
    """

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.NOT_FOUND, message)

    def __reduce__(self) -> tuple[type[ObjectNotFoundError], tuple[str]]:
        return (type(self), (self.message,))


@public("flamepy.core.types")
class ObjectLostError(ObjectNotFoundError):
    """The object was put with ``durable=False``, and a power cut took it: put it again."""
