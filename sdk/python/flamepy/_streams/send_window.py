"""How much may be on its way to the session manager on one stream."""

from __future__ import annotations

#: Inputs that are sent and not acknowledged at most, since they are kept to be sent again.
_INPUTS_MAX = 4_096
#: Bytes of them at most; the last one may be larger than what is left.
_BYTES_MAX = 8 * 1024 * 1024


class SendWindow:
    """How much of all lanes of a stream is sent and not acknowledged."""

    def __init__(self) -> None:
        self._inputs = 0
        self._bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether another input may leave."""
        return self._inputs < _INPUTS_MAX and self._bytes < _BYTES_MAX

    def take(self, size: int) -> None:
        """An input of ``size`` bytes leaves."""
        self._inputs += 1
        self._bytes += size

    def give_back(self, size: int) -> None:
        """An input of ``size`` bytes is acknowledged or refused, or not waited for any more."""
        self._inputs -= 1
        self._bytes -= size
