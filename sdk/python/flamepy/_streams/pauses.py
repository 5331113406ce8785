"""When to open a stream again that broke, and since when its session manager is away."""

from __future__ import annotations

import logging

import grpc

from flamepy._client.channel import RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS, retry_delay

#: A stream that stood for so long ends a search that had begun before it.
_STOOD_SECONDS = 5.0

_log = logging.getLogger("flamepy")


class StreamPauses:
    """Keeps the pauses between two streams, and tells people once when one broke off."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._pause = RETRY_FIRST_SECONDS

    def answered(self) -> None:
        """The session manager is there."""
        self._since = None
        self._pause = RETRY_FIRST_SECONDS

    def broke_off(
        self, failure: grpc.RpcError | None, text: str, stood: float, now: float
    ) -> tuple[float, float]:
        """Return the pause before the next stream, and for how long none has answered.

        Args:
            failure: how the stream failed; None when its server ended it.
            text: the same, for people.
            stood: the seconds that the stream was open.
            now: of the monotonic clock, in seconds.
        """
        if self._since is None or stood > _STOOD_SECONDS:
            self._since = now
            _log.info("the stream of tasks broke off, opening it again: %s", text)
        asked = (retry_delay(failure) if failure is not None else None) or 0.0
        pause = max(self._pause, asked)
        self._pause = min(2 * self._pause, RETRY_MAX_SECONDS)
        return pause, now - self._since
