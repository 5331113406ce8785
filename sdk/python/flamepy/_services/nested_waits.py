"""Waits of a task for tasks of its own (docs/protocol.md, "Nested sessions").

The executor manager is told, so that the room of a task which only waits is there for the tasks
that it waits for. Outside of services nothing of this has any effect.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class NestedWaits:
    """What the task that runs in this process waits for, as its executor manager is told.

    Args:
        tell: takes the ids of the sessions whose tasks are waited for; none: the task goes on.
    """

    def __init__(self, tell: Callable[[list[str]], None]) -> None:
        self._tell = tell
        self._process = os.getpid()
        # Reentrant: the collector may call functions of the user's, which wait as well.
        self._lock = threading.RLock()
        self._counts: dict[str, int] = {}

    def task_begins(self) -> None:
        """Forget what threads of earlier tasks still wait for."""
        with self._lock:
            self._counts = {}

    def begin(self, session_id: str) -> Callable[[], None]:
        """Note a wait for a task of the session; returns what notes its end, once."""
        if self._process != os.getpid():
            return _nothing  # A forked child runs no task.
        with self._lock:
            counts = self._counts
            counts[session_id] = counts.get(session_id, 0) + 1
            if counts[session_id] == 1:
                self._tell(list(counts))
        return lambda: self._end(counts, session_id)

    def _end(self, counts: dict[str, int], session_id: str) -> None:
        with self._lock:
            if counts.get(session_id, 0) == 0:
                return
            counts[session_id] -= 1
            if counts[session_id] > 0:
                return
            del counts[session_id]
            if counts is self._counts:
                self._tell(list(counts))


def _nothing() -> None:
    """There is nothing to note."""


_here: NestedWaits | None = None


def tell_nested_waits(waits: NestedWaits | None) -> None:
    """Have the waits of this process told by ``waits`` from now on; None: by nobody."""
    global _here
    _here = waits


def nested_waits() -> NestedWaits | None:
    """Return what tells the waits of this process; None where it is no service."""
    return _here


@contextmanager
def waiting_for(session_id: str) -> Iterator[None]:
    """Note that a task of the session is waited for, as long as this lasts."""
    waits = _here
    if waits is None:
        yield
        return
    end = waits.begin(session_id)
    try:
        yield
    finally:
        end()


class ToldWaiters(list[Any]):
    """The waiters of a future: ``concurrent.futures.wait`` and ``as_completed`` come and go there.

    Args:
        waits: is told.
        session_id: whose task the future is of.
    """

    def __init__(self, waits: NestedWaits, session_id: str) -> None:
        super().__init__()
        self._waits = waits
        self._session_id = session_id
        self._ends: list[Callable[[], None]] = []

    def append(self, waiter: Any) -> None:
        """One waits from now on."""
        super().append(waiter)
        self._ends.append(self._waits.begin(self._session_id))

    def remove(self, waiter: Any) -> None:
        """One waits no more."""
        super().remove(waiter)
        self._ends.pop()()
