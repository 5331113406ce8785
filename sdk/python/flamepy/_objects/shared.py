"""Objects through files of the cache's folder, where client and cache have one host and one user.

The cache names its folder (the action ``FLAME_SHARE``) and the sum of a file in it that only that
user can read; who finds a file of that sum there sends what it says with each call. Then a put
names a file, and a get is answered with the name of one, instead of bytes (docs/object-cache.md,
section 11). Whatever does not fit, and whatever goes wrong here, goes through messages.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from flamepy._objects.small_calls import SmallCalls
from flamepy._values.cell import Cell

#: Metadata of a call: the words of the file.
SHARE_HEADER = b"flame-share"
#: Smaller objects travel in messages.
SHARED_BYTES_MIN = 256 * 1024
#: A put goes in files of this size: the cache copies one while the next one is written.
_FILE_BYTES = 8 * 1024 * 1024
#: Of a pickle of many small parts; what is larger is read to its place.
_READ_BYTES = 64 * 1024

_ACTION = "FLAME_SHARE"
_PROOF = re.compile(rb"[0-9a-f]{64}")
_PIECE = re.compile(r"[0-9a-f]{64}-\d{1,16}\.(?:base|patch|unsynced)")
#: A file must be no link, and nobody is waited for at the other end of a pipe.
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotShared(Exception):
    """A file cannot be used: the same goes through messages."""


@dataclass(frozen=True)
class Share:
    """The folder of a cache that this process can read, and the words that prove it."""

    folder: Path
    proof: bytes
    #: For small objects, where the cache offers that.
    small: SmallCalls | None = None

    def files_for(self, cell: Cell) -> int:
        """Return how many files :meth:`written` writes."""
        return -(-cell.size // _FILE_BYTES)

    @contextlib.contextmanager
    def written(self, cell: Cell) -> Iterator[Iterator[bytes]]:
        """Give the descriptions of files for the cache, each written when it is asked for.

        So the cache copies one while the next one is written. What it did not take is removed at
        the end.

        Raises:
            NotShared: a file cannot be written.
        """
        paths: list[Path] = []

        def descriptions() -> Iterator[bytes]:
            for views in cell.pieces(_FILE_BYTES):
                name = f"shared-{uuid.uuid4().hex}"
                paths.append(self.folder / "tmp" / name)
                try:
                    _write(paths[-1], views)
                except OSError as error:
                    raise NotShared(str(error)) from error
                yield json.dumps({"file": name, "size": sum(map(len, views))}).encode()

        try:
            yield descriptions()
        finally:
            for path in paths:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the connection to the cache; the folder may still be used."""
        if self.small is not None:
            self.small.close()

    def piece(self, description: bytes) -> SharedPiece:
        """Open the file that the cache named.

        Raises:
            NotShared: there is no such file any more, or it is none of an object.
        """
        try:
            said = json.loads(description)
            name, size = said["file"], said["size"]
        except (ValueError, KeyError, TypeError) as error:
            raise NotShared(f"the cache described a file as {description!r}") from error
        if not isinstance(name, str) or not _PIECE.fullmatch(name) or not isinstance(size, int):
            raise NotShared(f"{description!r} describes no file of an object")
        try:
            piece = SharedPiece(os.open(self.folder / "pieces" / name, _OPEN), size)
        except OSError as error:
            raise NotShared(str(error)) from error
        found = piece.stat()
        if not _is_own(found) or not 0 < size < found.st_size:
            raise NotShared(f"{name!r} is no file of an object of {size} bytes")
        return piece


class SharedPiece:
    """The open file of an object's bytes, which never changes; its name may be gone by now."""

    def __init__(self, file: int, size: int) -> None:
        self._file = file
        self.size = size

    def __del__(self) -> None:
        os.close(self._file)

    def stat(self) -> os.stat_result:
        """Return what the file is, and not what its name may be by now."""
        return os.fstat(self._file)

    def mapped(self) -> memoryview:
        """Map the bytes: writable, and nobody else sees what is written.

        Raises:
            NotShared: they cannot be mapped.
        """
        try:
            return memoryview(mmap.mmap(self._file, self.size, access=mmap.ACCESS_COPY))
        except OSError as error:
            raise NotShared(str(error)) from error

    def reader(self) -> BinaryIO:
        """Return a reader from the beginning: what is read lies in memory once."""
        reader = open(os.dup(self._file), "rb", buffering=_READ_BYTES)
        reader.seek(0)
        return reader


class Shares:
    """The folders of caches, asked for once each; None for one that cannot be shared."""

    def __init__(self) -> None:
        self._shares: dict[str, Share | None] = {}
        self._lock = threading.Lock()

    def of(self, location: str, connection: Callable[[], tuple[Any, Any]]) -> Share | None:
        """Return the folder of the cache at ``location``.

        Args:
            location: of the cache.
            connection: gives a client of it, and the options of a call.
        """
        with self._lock:
            if location in self._shares:
                return self._shares[location]
        import pyarrow.flight

        try:
            share = _asked(*connection())
        except pyarrow.flight.FlightUnavailableError:
            return None  # Asked again the next time: it is not up, and says nothing of its folder.
        with self._lock:
            # Another thread may have asked at the same time.
            kept = self._shares.setdefault(location, share)
        if share is not None and share is not kept:
            share.close()
        return kept

    def forget(self, location: str | None = None) -> None:
        """Ask anew: the cache there may have been started again. None: all of them."""
        with self._lock:
            wanted = list(self._shares) if location is None else [location]
            shares = [self._shares.pop(one, None) for one in wanted]
        for share in shares:
            if share is not None:
                share.close()


def _asked(client: Any, options: Any) -> Share | None:
    import pyarrow.flight

    try:
        answers = list(client.do_action(pyarrow.flight.Action(_ACTION, b""), options=options))
        said = json.loads(answers[0].body.to_pybytes())
        folder = Path(said["folder"])
        proof = _proof(folder)
        if hashlib.sha256(proof).hexdigest() != said["sha256"]:
            return None  # That of another cache, under the same path, as in a container.
        return Share(folder, proof, SmallCalls.connected(folder))
    except pyarrow.flight.FlightUnavailableError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError):
        # A cache that does not know the action, on another host, of another user, or in memory.
        return None


def _proof(folder: Path) -> bytes:
    file = os.open(folder / "cache.share", _OPEN)
    try:
        found = os.fstat(file)
        words = os.read(file, 65)
    finally:
        os.close(file)
    if not _is_own(found) or stat.S_IMODE(found.st_mode) & 0o077 or not _PROOF.fullmatch(words):
        raise ValueError(f"{folder / 'cache.share'} is no file of our own cache")
    return words


def _is_own(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _write(path: Path, views: list[memoryview]) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for view in views:
            rest = view
            while rest:
                rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)
