"""Waiting for a condition on what a lock guards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: A condition is looked at by itself after so long.
_LOOK_SECONDS = 1.0


class Waits:
    """Threads that wait until something is so, and are told when it may be.

    Args:
        lock: guards what their conditions look at.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._changed = threading.Condition(lock)
        self._waiters = 0

    def wait(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Wait until the condition holds, or the time is over; None for no limit."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            self._waiters += 1
            try:
                while not condition():
                    left = _LOOK_SECONDS
                    if deadline is not None:
                        left = min(left, deadline - time.monotonic())
                    if left <= 0:
                        return
                    self._changed.wait(left)
            finally:
                self._waiters -= 1

    def tell(self) -> None:
        """Something changed: let those who wait look."""
        if self._waiters:
            with self._changed:
                self._changed.notify_all()
