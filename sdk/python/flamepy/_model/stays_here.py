"""What is of the process that made it, and says so when somebody sends it."""

from __future__ import annotations

from typing import Any, NoReturn


class StaysHere:
    """Cannot be pickled; the error says what to send in its place.

    Attributes:
        _in_its_place: what to do, as the end of a sentence.
    """

    _in_its_place = ""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"it is of the process that made it: {self._in_its_place}")
