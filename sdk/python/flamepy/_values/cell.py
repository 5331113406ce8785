"""The bytes of an object on their way to the cache, in as many parts as they lie in."""

from __future__ import annotations

from collections.abc import Iterator

Buffer = bytes | memoryview


class Cell:
    """Parts that make up the bytes of an object: what is large is referred to and not copied.

    It is a file for a pickler, which writes large bytes as they are.
    """

    def __init__(self, *parts: Buffer) -> None:
        self._parts: list[memoryview] = []
        self.size = 0
        for part in parts:
            self.write(part)

    def write(self, part: Buffer | bytearray) -> int:
        """Append a part, which must not change as long as the cell is used."""
        view = memoryview(part).cast("B")
        self._parts.append(view)
        self.size += len(view)
        return len(view)

    def joined(self) -> memoryview:
        """Return the bytes in one piece; copied if they lie in several."""
        return self._parts[0] if len(self._parts) == 1 else memoryview(b"".join(self._parts))

    def pieces(self, size: int) -> Iterator[list[memoryview]]:
        """Yield the bytes in pieces of ``size``, the last one of what is left."""
        piece: list[memoryview] = []
        room = size
        for part in self._parts:
            rest = part
            while len(rest) > 0:
                piece.append(rest[:room])
                room -= len(piece[-1])
                rest = rest[len(piece[-1]) :]
                if room == 0:
                    yield piece
                    piece, room = [], size
        if piece:
            yield piece

    def rows(self, size: int) -> list[memoryview]:
        """Return the bytes as rows of at most ``size``; what is more than that is not copied."""
        if self.size <= size:
            return [self.joined()]
        return [part[at : at + size] for part in self._parts for at in range(0, len(part), size)]
