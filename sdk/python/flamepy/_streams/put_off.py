"""When to come again with what a session manager refuses for now (docs/protocol.md, "Overload")."""

from __future__ import annotations

from flamepy._client.channel import CALL_SECONDS, REFUSAL_FACTOR_MAX


class PutOff:
    """Keeps the pauses between tries of one lane."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._factor = 1

    @property
    def is_refused(self) -> bool:
        """Whether the last word was a refusal."""
        return self._since is not None

    def accepted(self) -> None:
        """Something was taken."""
        self._since = None
        self._factor = 1

    def refused(self, asked: float, now: float) -> float | None:
        """Return the pause before the next try, in seconds; None when there is no time for one.

        Args:
            asked: the delay that the session manager asked for, in seconds.
            now: of the monotonic clock, in seconds.
        """
        if self._since is None:
            self._since = now
        pause = asked * self._factor
        if now - self._since + pause >= CALL_SECONDS:
            self._since = now
            return None
        self._factor = min(2 * self._factor, REFUSAL_FACTOR_MAX)
        return pause
