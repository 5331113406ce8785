"""Saying to the session manager that this client is there.

Source of the rule: docs/protocol.md, "Unused sessions".
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from flamepy._model.errors import FlameError

#: After a beat that did not arrive.
_RETRY_SECONDS = 5.0


class Presence:
    """Beats as long as there are sessions that end with this client.

    Args:
        beat: makes one call; returns when the server wants the next one, in seconds, or None when
            it wants none.
    """

    def __init__(self, beat: Callable[[], float | None]) -> None:
        self._beat = beat
        self._sessions: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wanted = True
        self._closed = False

    def began(self, session_id: str) -> None:
        """A session that ends with this client is open."""
        with self._changed:
            self._sessions.add(session_id)
            if self._thread is None and self._wanted and not self._closed:
                # A daemon: whoever forgets to close a session can still end the program.
                self._thread = threading.Thread(
                    target=self._run, name="flamepy-presence", daemon=True
                )
                self._thread.start()

    def ended(self, session_id: str) -> None:
        """The session was closed."""
        with self._changed:
            self._sessions.discard(session_id)
            self._changed.notify_all()

    def close(self) -> None:
        """End beating for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            try:
                pause = self._beat()
            except (FlameError, ValueError):  # What gRPC raises for a channel that was just closed.
                pause = _RETRY_SECONDS
            with self._changed:
                self._wanted = pause is not None
                if pause is not None:
                    self._changed.wait_for(self._over, timeout=pause)
                if pause is None or self._over():
                    self._thread = None
                    return

    def _over(self) -> bool:
        return self._closed or not self._sessions


def client_id() -> str:
    """Return a new name for a client, as the metadata ``flame-client`` takes it."""
    return uuid.uuid4().hex
