"""Sessions of a function, class or object: calls take Python arguments and give values."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from flamepy._calls.object_calls import Callables
from flamepy._calls.remote_calls import RemoteCalls, RemoteMethod
from flamepy._calls.requests import RunnerRequest
from flamepy._model.convert import optional, to_events, to_time
from flamepy._model.errors import FlameError
from flamepy._model.timeouts import milliseconds_of
from flamepy._model.types import SessionState, Task
from flamepy._names.public import public
from flamepy._results.results import Results
from flamepy._sessions.futures import TaskFuture
from flamepy._sessions.session import Session
from flamepy._values.envelope import is_envelope, unseal
from flamepy.proto import types_pb2

if TYPE_CHECKING:
    from flamepy._client.connection import Connection


@public("flamepy.core.client")
class ObjectSession(Session):
    """A session of a function, class or object, whose calls take Python arguments and give values.

    ``create_session(application, f)`` makes it. ``session(1, b=2)`` calls the function, or an
    object that can be called; ``session.name(1)`` calls the method of that name. ``submit``,
    ``run``, ``invoke`` and ``map`` take arguments as such, bytes too. A ``RunnerRequest`` alone is
    one, and gives an ObjectRef.

    A class is instantiated once on each executor, and an instance keeps what its calls change as
    long as it is there. An object has one executor, and what calls change is kept.
    """

    _callables = Callables(False, (), False)  # Of a copy that is not whole yet.

    def __init__(self, *args: Any, _callables: Callables, **kwargs: Any) -> None:
        self._callables = _callables
        super().__init__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Object{super().__repr__()}"

    def __getattr__(self, name: str) -> RemoteMethod:
        if name in self._callables.methods:
            return RemoteMethod(self, name)
        raise AttributeError(
            f"session {self.id} has no attribute {name!r}, nor has its object a public method of "
            f"that name; {self._methods_text()}"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._callables.methods})

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the object, wait for the result, and return that; every argument is the object's.

        Raises:
            RemoteTaskError: the call failed; the original exception is its cause.
            CancelledError: it was cancelled, or the session closed before it ran.
            TypeError: the object cannot be called, or an argument cannot be pickled.
            FlameError: the task could not be created or watched.
        """
        request = _request_of(args, kwargs)
        return self._itself()(*args, **kwargs) if request is None else super().invoke(request)

    def submit(self, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call the object, and return the future of the result at once."""
        request = _request_of(args, kwargs)
        return self._itself().submit(*args, **kwargs) if request is None else super().run(request)

    def invoke(
        self,
        /,
        *args: Any,
        timeout: float | None = None,
        task_timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call the object and wait, as a call does.

        Args:
            args: arguments of the object, as ``kwargs`` are; or a RunnerRequest alone.
            timeout: seconds to wait; None for no limit. The task itself goes on.
            task_timeout: seconds that the task may take, waiting included; then it is ended.

        Raises:
            TimeoutError: the time is over; the text quotes the session's last trouble.
        """
        request = _request_of(args, kwargs)
        if request is not None:
            return super().invoke(request, timeout, task_timeout=task_timeout)
        return self._itself().invoke(*args, timeout=timeout, task_timeout=task_timeout, **kwargs)

    def run(self, /, *args: Any, task_timeout: float | None = None, **kwargs: Any) -> TaskFuture:
        """Call the object, and return the future of the result at once.

        Args:
            args: arguments of the object, as ``kwargs`` are; or a RunnerRequest alone.
            task_timeout: as for ``invoke``.
        """
        request = _request_of(args, kwargs)
        if request is not None:
            return super().run(request, task_timeout=task_timeout)
        return self._itself().run(*args, task_timeout=task_timeout, **kwargs)

    def create_task(self, /, *args: Any, task_timeout: float | None = None, **kwargs: Any) -> Task:
        """Create a task that calls the object, and return it; for who wants to look at it later.

        Args:
            args: arguments of the object, as ``kwargs`` are; or a RunnerRequest alone.
            task_timeout: as for ``invoke``.
        """
        request = _request_of(args, kwargs)
        if request is not None:
            return super().create_task(request, task_timeout=task_timeout)
        data = self._itself()._input(args, kwargs)
        return self._tasks.create(data, milliseconds_of(task_timeout))

    def map(
        self,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        timeout: float | None = None,
        task_timeout: float | None = None,
        progress: bool = False,
    ) -> Results:
        """Call the object with the items of iterables, and return the results; as built-in ``map``.

        They come in order, in a ``for`` or in an ``async for``. Items are taken as results are
        read, so the iterables may be endless: about a thousand tasks are ahead of the reader. The
        first failure is raised in its place, and the rest is cancelled then, and when nobody has
        the iterator any more. An ``async for`` that is cancelled while it waits cancels the rest.

        Args:
            iterables: positional arguments.
            chunksize: calls that are one task. Larger ones are faster for short calls.
            timeout: seconds from now, after which the iterator raises ``TimeoutError``.
            task_timeout: seconds that each task may take, waiting included.
            progress: show on stderr how many results were read: by tqdm if that is installed.

        Raises:
            TypeError: no iterable was given, or the object cannot be called.
            ValueError: ``chunksize`` is less than 1, or ``task_timeout`` cannot be.
        """
        return self._itself().map(
            *iterables,
            chunksize=chunksize,
            timeout=timeout,
            task_timeout=task_timeout,
            progress=progress,
        )

    def _itself(self) -> RemoteCalls:
        if not self._callables.itself:
            raise TypeError(
                f"the object of session {self.id} cannot be called; {self._methods_text()}"
            )
        return RemoteCalls(self, None)

    def _methods_text(self) -> str:
        names = self._callables.methods
        return f"it has the methods {', '.join(names)}" if names else "call the session itself"


def _request_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> RunnerRequest | None:
    """Return the request that the arguments are; None when they are arguments of the object."""
    if len(args) == 1 and not kwargs and isinstance(args[0], RunnerRequest):
        return args[0]
    return None


def session_from(
    connection: Connection,
    message: types_pb2.Session,
    created: bool = False,
    common_data: bytes | None = None,
    callables: Callables | None = None,
) -> Session:
    """Return the session of a wire message.

    Args:
        created: this client made it, so all of its tasks are this client's.
        common_data: what it was created with; None for what the message says.
        callables: what may be called of its object; None for what its common data say.
    """
    status = message.status
    done = optional(status, "completion_time")
    data = optional(message.spec, "common_data") if common_data is None else common_data
    callables = callables or _callables_of(data)
    kind = Session if callables is None else partial(ObjectSession, _callables=callables)
    return kind(
        connection=connection,
        id=message.metadata.id,
        application=message.spec.application,
        state=SessionState(int(status.state)),
        creation_time=to_time(status.creation_time),
        pending=status.pending,
        running=status.running,
        succeed=status.succeed,
        failed=status.failed,
        completion_time=None if done is None else to_time(done),
        events=to_events(status.events),
        common_data=data,
        cancelled=status.cancelled,
        _created=created,
    )


def _callables_of(common_data: bytes | None) -> Callables | None:
    if common_data is None or not is_envelope(common_data):
        return None
    try:
        return Callables.told_by(unseal(common_data))
    except FlameError:  # Of another protocol: bytes like any others.
        return None
