"""Tells a caller who waits why a session does not get on.

An executor that cannot be prepared (a missing package, a service that does not start), or that
others have, leaves the tasks of its session pending; the reason stands in the session's events.
While somebody waits, they are looked at once a second, and each new one is logged as a warning.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flamepy._model.errors import FlameError
from flamepy._model.types import EVENT_BIND_LIMIT, EVENTS_OF_TROUBLE, Event

_LOOK_SECONDS = 1.0
_IDLE_LOOKS = 5
_log = logging.getLogger("flamepy")


class SessionEvents:
    """Watches the events of one session while somebody waits for a task of it.

    Args:
        session_id: the session, for the log.
        fetch: asks the session manager for the events.
    """

    def __init__(self, session_id: str, fetch: Callable[[], list[Event]]) -> None:
        self._session_id = session_id
        self._fetch = fetch
        self._lock = threading.Lock()
        self._waiters = 0
        self._watching = False
        self._seen: set[tuple[int, str | None, object]] = set()
        self._last: Event | None = None

    def __enter__(self) -> SessionEvents:
        with self._lock:
            self._waiters += 1
            if not self._watching:
                self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._waiters -= 1

    def _begin(self) -> None:
        watch = threading.Thread(target=self._watch, name="flamepy-events", daemon=True)
        # There may be no more threads, such as at the end of the interpreter: nobody reads then.
        with suppress(RuntimeError):
            watch.start()
            self._watching = True

    def look(self) -> Event | None:
        """Fetch the events now, log the new ones, and return the last that tells of trouble.

        That binds are made less often from now on (1002) is a consequence: the bind that failed
        before it says why.
        """
        try:
            events = self._fetch()
        except FlameError:
            return self._last  # Whoever waits hears of it by their own call.
        for event in events:
            if event.code not in EVENTS_OF_TROUBLE:
                continue
            key = (event.code, event.message, event.creation_time)
            with self._lock:
                new = key not in self._seen
                self._seen.add(key)
                if event.code != EVENT_BIND_LIMIT or self._last is None:
                    self._last = event
            if new:
                _log.warning("session %s: %s (%d)", self._session_id, event.message, event.code)
        return self._last

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                idle = 0 if self._waiters else idle + 1
                # Stays a while: one thread for many short waits, not one for each.
                if idle >= _IDLE_LOOKS:
                    self._watching = False
                    return
            if not idle:
                self.look()
