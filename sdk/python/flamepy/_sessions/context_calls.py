"""Calls of sessions of a RunnerContext that give values, beside requests, which give references."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from flamepy._calls.remote_calls import RemoteCalls, RemoteMethod
from flamepy._calls.requests import RunnerRequest
from flamepy._results.results import Results
from flamepy._sessions.frame_readers import is_reference
from flamepy._sessions.futures import TaskFuture
from flamepy._values.envelope import is_envelope

if TYPE_CHECKING:
    from flamepy._sessions.session import Session


class ContextCalls:
    """What a session has for calls of its execution object."""

    def submit(self, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call the execution object, and return the future of the value it gives.

        A ``RunnerRequest`` alone is one, and its future gives a reference, as that of ``run``.

        Raises:
            TypeError: the session was created with bytes or nothing, or an argument cannot be
                pickled.
        """
        session = cast("Session", self)
        if len(args) == 1 and not kwargs and isinstance(args[0], RunnerRequest):
            return session.run(args[0])
        return _itself(session).submit(*args, **kwargs)

    def map(
        self,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        timeout: float | None = None,
        task_timeout: float | None = None,
        progress: bool = False,
    ) -> Results:
        """Call the execution object with the items of iterables, and return the values in order.

        Everything is as for ``ObjectSession.map``.

        Raises:
            TypeError: the session was created with bytes or nothing, or no iterable was given.
        """
        return _itself(cast("Session", self)).map(
            *iterables,
            chunksize=chunksize,
            timeout=timeout,
            task_timeout=task_timeout,
            progress=progress,
        )

    def method(self, name: str) -> RemoteMethod:
        """Return a method of the object, also one that has a name of the session's own."""
        return RemoteMethod(_with_object(cast("Session", self)), name)


def _itself(session: Session) -> RemoteCalls:
    return RemoteCalls(_with_object(session), None)


def _with_object(session: Session) -> Session:
    data = session.common_data()
    if data is None or not (is_envelope(data) or is_reference(data)):
        raise TypeError(
            f"session {session.id} has no object that can be called: it was created with "
            f"{'nothing' if data is None else 'bytes'}, so its tasks take bytes, as in "
            "session.invoke(b'...'). Create it with a function, a class, an object or a "
            "RunnerContext"
        )
    return session
