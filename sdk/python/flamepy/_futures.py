"""Futures of tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from flamepy._errors import FlameError
from flamepy._public import public


@public("flamepy.core.client")
class TaskFuture(Future[Any]):
    """The result of a task, as ``Session.run`` returns it.

    Attributes:
        task_id: the task that it is the result of.
    """

    def __init__(self, task_id: str, cancel_pending: Callable[[], bool]) -> None:
        super().__init__()
        self.task_id = task_id
        self._cancel_pending = cancel_pending
        # Reentrant: callbacks of the future run under it.
        self._settling = threading.RLock()

    def cancel(self) -> bool:
        """Cancel the task, if it is pending still.

        False says that it runs or has ended, or that nobody could tell: the future then goes on.
        ``Session.cancel`` ends a task that runs.
        """
        if self.done() or self.running():
            return self.cancelled()
        try:
            if not self._cancel_pending():
                return False
        except FlameError:
            return False
        with self._settling:
            return self.cancelled() or self._mark_cancelled()

    def began(self) -> None:
        """Note that the task runs."""
        with self._settling:
            if not (self.done() or self.running()):
                self.set_running_or_notify_cancel()

    def fail(self, error: Exception) -> None:
        """End with an error; a cancelled task that did not run makes a cancelled future."""
        with self._settling:
            if self.done():
                return
            if isinstance(error, CancelledError) and not self.running():
                self._mark_cancelled()
                return
            self.began()
            self.set_exception(error)

    def succeed(self, result: Any) -> None:
        """End with the result."""
        with self._settling:
            if not self.done():
                self.began()
                self.set_result(result)

    def _mark_cancelled(self) -> bool:
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # Wakes who waits for one of several futures.
        return True
