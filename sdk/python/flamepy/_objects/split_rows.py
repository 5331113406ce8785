"""An object that comes in several rows, read to where it stays while the rest is on its way."""

from __future__ import annotations

import json
import mmap
import pickle
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._values.cell import Buffer

#: Metadata of a get: a large row may come as several (docs/object-cache.md, section 4).
SPLIT_ROWS_HEADER = (b"flame-split-rows", b"true")

#: How the cell of bytes that are alone in it begins and ends (see ``_values.codec``): our prefix,
#: and of pickle the protocol, the length (uint32, little-endian), and behind the bytes memo and
#: stop.
_BYTES_HEAD = b"FLM\x00\x80\x05B"
_LENGTH = struct.Struct("<I")
_BYTES_START = len(_BYTES_HEAD) + _LENGTH.size
_BYTES_TAIL = b"\x94."
_PREFIX_BYTES = 4


class PlainBytes:
    """The value of an object that is bytes and nothing else: nobody can change it."""

    def __init__(self, value: bytes, size: int) -> None:
        self.value = value
        self.size = size


def split_size(metadata: bytes) -> int:
    """Return how many bytes this row and those behind it have, as the first one says.

    Raises:
        FlameError: it says something else.
    """
    try:
        size = json.loads(metadata)["size"]
    except (ValueError, KeyError, TypeError):
        size = None
    if not isinstance(size, int) or size <= 0:
        raise _broken(f'the cache described a row as {metadata!r}, expected {{"size": N}}')
    return size


def joined(size: int, first: Buffer, following: Callable[[], Buffer], plain: bool) -> Any:
    """Return what several rows make up.

    Args:
        size: bytes of all of them.
        first: those of the first.
        following: gives the bytes of the next one.
        plain: whether a value of bytes alone is wanted as :class:`PlainBytes`, and not as a cell.

    Raises:
        FlameError: the rows have more bytes.
    """
    parts = _Parts(first, following)
    if plain and _is_bytes(size, first):
        parts.read(_PREFIX_BYTES)
        # The one way to bytes that are written where they stay.
        found: Any = PlainBytes(pickle.Unpickler(parts).load(), size)
    else:
        target = _own_memory(size)
        found = memoryview(target)
        parts.readinto(found)
    parts.end()
    return found


def _own_memory(size: int) -> mmap.mmap:
    """Take memory of this process alone, in large pages where the system has them."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)
    target = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # A kernel without them.
            target.madvise(mmap.MADV_HUGEPAGE)
    return target


def _is_bytes(size: int, first: Buffer) -> bool:
    head = bytes(first[:_BYTES_START])
    if not head.startswith(_BYTES_HEAD) or len(head) < _BYTES_START:
        return False
    (length,) = _LENGTH.unpack_from(head, len(_BYTES_HEAD))
    return bool(_BYTES_START + length + len(_BYTES_TAIL) == size)


class _Parts:
    """A file of rows, of which one is in memory at a time."""

    def __init__(self, first: Buffer, following: Callable[[], Buffer]) -> None:
        self._rest = memoryview(first).cast("B")
        self._following = following

    def read(self, size: int) -> bytes:
        out = bytearray(size)
        self.readinto(memoryview(out))
        return bytes(out)

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        at = 0
        while at < len(target):
            if not self._rest:
                # Its memory is for the next one.
                self._rest = memoryview(b"")
                self._rest = memoryview(self._following()).cast("B")
            piece = self._rest[: len(target) - at]
            target[at : at + len(piece)] = piece
            self._rest = self._rest[len(piece) :]
            at += len(piece)
        return at

    def readline(self) -> bytes:
        raise pickle.UnpicklingError("a pickle of bytes has no lines")

    def end(self) -> None:
        if self._rest:
            raise _broken(f"{len(self._rest)} bytes more came than the first row said")


def _broken(text: str) -> FlameError:
    return FlameError(FlameErrorCode.INTERNAL, text)
