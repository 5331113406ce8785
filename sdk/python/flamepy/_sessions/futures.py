"""Futures of tasks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future
from typing import Any

from flamepy._model.errors import FlameError
from flamepy._model.stays_here import StaysHere
from flamepy._names.public import public
from flamepy._process.forks import refuse_in_forked_child
from flamepy._services.nested_waits import ToldWaiters, nested_waits, waiting_for

#: Where callbacks come from that wake a loop and never wait: asyncio.wrap_future, and our own.
_WAKERS = ("asyncio.futures", "flamepy._results.event_loops")


@public("flamepy.core.client")
class TaskFuture(StaysHere, Future[Any]):
    """The result of a task, as ``Session.run`` returns it; in an event loop it can be awaited.

    Functions given to ``add_done_callback`` may wait for other tasks: they have a thread of their
    own. In a process that was forked meanwhile a future that had not ended never will: waiting for
    it is a FlameError there.
    """

    _in_its_place = "send what its result() gives, or call both functions in one task"

    def __init__(self) -> None:
        super().__init__()
        # Reentrant: callbacks of the future run under it.
        self._settling = threading.RLock()
        self._calls_back = False
        self._process = os.getpid()
        #: In a forked child: the process that it is from.
        self._parent: int | None = None
        self._cancelled_text = ""
        waits = nested_waits()
        if waits is not None:
            self._waiters: list[Any] = ToldWaiters(waits, self._awaited_session())

    @property
    def task_id(self) -> str:
        """The task that it is the result of; waits until the session manager has created it.

        Raises:
            FlameError: no task came of it, or nobody knows.
        """
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in an event loop, and return the result or raise what ``result`` raises.

        Who is cancelled meanwhile cancels the task, if it does not run yet.
        """
        from flamepy._results.event_loops import (
            awaited,  # It takes longer to load than most of the rest.
        )

        return awaited(self).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Return the result, waiting for it ``timeout`` seconds at most; None for no limit.

        Raises:
            RemoteTaskError: the task failed; the original exception is its cause.
            CancelledError: the task was cancelled, or the session closed before it ran.
            TimeoutError: the time is over; the task itself goes on.
            FlameError: no task came of it, or its end was not seen.
        """
        self._refuse_in_child()
        try:
            if nested_waits() is None or self.done():
                return super().result(timeout)
            with waiting_for(self._awaited_session()):
                return super().result(timeout)
        except CancelledError:
            if self.cancelled() and self._cancelled_text:
                raise CancelledError(self._cancelled_text) from None
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error of the task, None when it succeeded; waits as ``result`` does."""
        self._refuse_in_child()
        if nested_waits() is None or self.done():
            return super().exception(timeout)
        with waiting_for(self._awaited_session()):
            return super().exception(timeout)

    def done(self) -> bool:
        """Whether the task has ended."""
        self._look_for_fork()
        return super().done()

    def cancelled(self) -> bool:
        """Whether the task was cancelled before it ran."""
        self._look_for_fork()
        return super().cancelled()

    def cancel(self) -> bool:
        """Cancel the task, if it is pending still.

        False says that it runs or has ended, or that nobody could tell: the future then goes on.
        ``Session.cancel`` ends a task that runs.
        """
        if self.done() or super().running() or self._parent is not None:
            return self.cancelled()
        try:
            if not self._cancel_pending():
                return False
        except FlameError:
            return False
        with self._settling:
            return self.cancelled() or self._mark_cancelled()

    def running(self) -> bool:
        """Whether the task runs. The session manager may be asked for that."""
        if self.done() or self._parent is not None:
            return False
        if super().running():
            return True
        try:
            if self._is_running():
                self.began()
        except FlameError:
            return False
        return super().running()

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call ``fn(future)`` when the task has ended; at once when it has."""
        self._refuse_in_child()
        with self._settling:
            if not self.done():
                if getattr(fn, "__module__", None) not in _WAKERS:
                    self._calls_back = True
                else:
                    self._note_awaiting_loop()
                super().add_done_callback(fn)
                return
        super().add_done_callback(fn)

    def began(self) -> None:
        """Note that the task runs."""
        with self._settling:
            if not (self.done() or super().running()):
                self.set_running_or_notify_cancel()

    def fail(self, error: BaseException) -> None:
        """End with an error; a cancelled task that did not run makes a cancelled future."""
        with self._settling:
            if self.done():
                return
            if isinstance(error, CancelledError) and not super().running():
                self._cancelled_text = str(error)
                self._mark_cancelled()
                return
            self.set_exception(error)

    def succeed(self, result: Any) -> None:
        """End with the result."""
        with self._settling:
            if not self.done():
                self.set_result(result)

    def settle(
        self, end: Callable[[], None], elsewhere: Callable[[Callable[[], None]], None]
    ) -> None:
        """Call ``end``, which ends this future; where functions of the user's follow, elsewhere.

        Args:
            end: calls ``fail`` or ``succeed``.
            elsewhere: has a function called in another thread.
        """
        with self._settling:
            if not self._calls_back:
                end()
                return
        elsewhere(end)

    def _note_awaiting_loop(self) -> None:
        """An event loop awaits this future, until it has ended."""
        waits = nested_waits()
        if waits is not None:
            end = waits.begin(self._awaited_session())
            super().add_done_callback(lambda _: end())

    def _awaited_session(self) -> str:
        """Return the session of the task."""
        raise NotImplementedError

    def _cancel_pending(self) -> bool:
        """Cancel the task; False when it is not pending any more."""
        raise NotImplementedError

    def _is_running(self) -> bool:
        """Whether the session manager says that the task runs."""
        raise NotImplementedError

    def _look_for_fork(self) -> None:
        process = os.getpid()
        if self._process == process:
            return
        # A thread of the parent may have held the locks, and is not here to let go of them.
        self._condition = threading.Condition()
        self._settling = threading.RLock()
        self._parent, self._process = self._process, process

    def _refuse_in_child(self) -> None:
        if not self.done():
            refuse_in_forked_child(self._parent)

    def _mark_cancelled(self) -> bool:
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # Wakes who waits for one of several futures.
        return True
