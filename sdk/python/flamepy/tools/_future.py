"""The future of a script."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from flamepy.tools._script import SandboxOutput


class OutputFuture(Future[SandboxOutput]):
    """Ends as the future of a task does, with what is made of its output.

    Args:
        task: the future of the task.
        decode: makes something of the output.
    """

    def __init__(self, task: Future[Any], decode: Callable[[bytes | None], SandboxOutput]) -> None:
        super().__init__()
        self._task = task
        self._decode = decode
        task.add_done_callback(self._end)

    def cancel(self) -> bool:
        """Cancel a task that has not begun; False for one that runs or has ended."""
        return self._task.cancel() and super().cancel()

    def running(self) -> bool:
        """Whether the task runs."""
        return not self.done() and self._task.running()

    def _end(self, task: Future[Any]) -> None:
        if task.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()  # Wakes who waits for one of several futures.
            return
        error = task.exception()
        if error is not None:
            self.set_exception(error)
            return
        try:
            self.set_result(self._decode(task.result()))
        except Exception as unreadable:
            self.set_exception(unreadable)
