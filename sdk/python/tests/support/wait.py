"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable


def wait_for[T](condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """Return the first true value of ``condition``; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)
    return value
