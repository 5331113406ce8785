"""Daemon threads that wait for things, made on demand and ended when idle.

``concurrent.futures.ThreadPoolExecutor`` is no good here: it keeps the interpreter from exiting
until all its work is done, and a watched task may take hours.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

_IDLE_SECONDS = 5.0
_log = logging.getLogger("flamepy")


class Workers:
    """A pool of at most ``limit`` daemon threads; work beyond that waits its turn.

    Args:
        name: prefix of the threads' names.
        limit: most threads at a time.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._threads = 0
        self._waiting = 0
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of the pool, soon."""
        with self._lock:
            self._work.put(work)
            if self._work.qsize() <= self._waiting or self._threads >= self._limit:
                return
            self._threads += 1
        threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:
                _log.exception("a background wait failed")
            del work  # Or an idle thread would keep a future and its result alive.

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            self._waiting += 1
        try:
            work = self._work.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            work = None
        with self._lock:
            self._waiting -= 1
            if work is None:
                if self._work.empty():
                    self._threads -= 1
                    return None
                work = self._work.get()
        return work
