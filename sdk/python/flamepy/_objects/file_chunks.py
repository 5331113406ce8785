"""The bytes of a file that is uploaded, in the pieces that travel."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK_BYTES = 1024 * 1024


def chunks_of(path: str, size: int) -> Iterator[bytes]:
    """Yield the file's first ``size`` bytes, :data:`CHUNK_BYTES` at a time.

    Raises:
        ValueError: the file has become shorter.
    """
    left = size
    with open(path, "rb") as file:
        while left > 0:
            wanted = min(CHUNK_BYTES, left)
            chunk = file.read(wanted)
            left -= len(chunk)
            if len(chunk) < wanted:
                raise ValueError(
                    f"{path} had {size} bytes and now has {size - left}: nothing was put, "
                    "since it changed meanwhile"
                )
            yield chunk
