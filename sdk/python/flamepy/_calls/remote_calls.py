"""Calls of the object of a session, which take Python arguments and give values."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any

from flamepy._calls.object_calls import Calls
from flamepy._calls.requests import Upload, uploaded
from flamepy._model.timeouts import milliseconds_of
from flamepy._names.public import public
from flamepy._results.form import ResultForm
from flamepy._results.map_results import MapResults
from flamepy._results.progress import ShownResults, total_of
from flamepy._results.results import FlattenedResults, Results
from flamepy._sessions.futures import TaskFuture

if TYPE_CHECKING:
    from flamepy._sessions.session import Session


class RemoteCalls:
    """Calls one thing of a session: its object, or a method of it."""

    def __init__(self, session: Session, method: str | None) -> None:
        self._session = session
        self._method = method

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it, wait for the result, and return that.

        Raises:
            RemoteTaskError: the call failed; the original exception is its cause.
            CancelledError: it was cancelled, or the session closed before it ran.
            TypeError: an argument cannot be pickled.
            FlameError: the task could not be created or watched.
        """
        return self._await(self._input(args, kwargs), None, None)

    def submit(self, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call it, and return the future of the result at once."""
        return self._start(self._input(args, kwargs), None)

    def invoke(
        self,
        /,
        *args: Any,
        timeout: float | None = None,
        task_timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call it and wait, as a call does.

        Args:
            args: its arguments, as ``kwargs`` are.
            timeout: seconds to wait; None for no limit. The task itself goes on.
            task_timeout: seconds that the task may take, waiting included; then it is ended.

        Raises:
            TimeoutError: the time is over; the text quotes the session's last trouble.
        """
        return self._await(self._input(args, kwargs), timeout, task_timeout)

    def run(self, /, *args: Any, task_timeout: float | None = None, **kwargs: Any) -> TaskFuture:
        """Call it, and return the future of the result at once.

        Args:
            args: its arguments, as ``kwargs`` are.
            task_timeout: as for ``invoke``.
        """
        return self._start(self._input(args, kwargs), task_timeout)

    def map(
        self,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        timeout: float | None = None,
        task_timeout: float | None = None,
        progress: bool = False,
    ) -> Results:
        """Call it with the items of iterables; see ``ObjectSession.map``."""
        if not iterables:
            raise TypeError("map() takes at least one iterable")
        if chunksize < 1:
            raise ValueError(f"chunksize must be >= 1, got {chunksize}")
        total = total_of(iterables) if progress else None
        if not self._session._reads_frames:
            chunksize = 1  # Their requests are one call each.
        calls = zip(*iterables, strict=False)
        inputs = (
            (self._input_or_upload(args, {}) for args in calls)
            if chunksize == 1
            else (self._input_or_upload(chunk, None) for chunk in batched(calls, chunksize))
        )
        timeout_ms = milliseconds_of(task_timeout)
        start = partial(
            self._session._tasks.start, form=ResultForm.REFERENCE, timeout_ms=timeout_ms
        )
        found: Results = MapResults(inputs, start, self._session._cancel_quietly, timeout)
        if chunksize > 1:
            found = FlattenedResults(found)
        return ShownResults(found, total) if progress else found

    def _await(self, data: bytes, timeout: float | None, task_timeout: float | None) -> Any:
        timeout_ms = milliseconds_of(task_timeout)
        return self._session._tasks.invoke(data, ResultForm.VALUE, timeout, timeout_ms)

    def _start(self, data: bytes, task_timeout: float | None) -> TaskFuture:
        timeout_ms = milliseconds_of(task_timeout)
        return self._session._tasks.start(data, ResultForm.VALUE, timeout_ms)

    def _input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        return uploaded(self._input_or_upload(args, kwargs))

    def _input_or_upload(
        self, args: tuple[Any, ...], kwargs: dict[str, Any] | None
    ) -> bytes | Upload:
        """Return the input of a task; with large arguments, what puts them and returns it."""
        self._session._refuse_closed()
        prefix = self._session.object_prefix
        if kwargs is None or self._session._reads_frames:
            return Calls(self._method, args, kwargs).encoded_or_upload(prefix)
        from flamepy._calls.published_frame import published_call_or_upload  # Few need it.

        return published_call_or_upload(self._method, args, kwargs, prefix)


@public("flamepy.core.client")
class RemoteMethod(RemoteCalls):
    """A method of the object of a session; as ``session.<name>`` gives it.

    ``session.add(1)`` gives the result, ``session.add.submit(1)`` its future, and
    ``session.add.map(items)`` many.
    """

    def __repr__(self) -> str:
        return f"<method {self._method!r} of {self._session!r}>"
