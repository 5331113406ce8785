"""Puts and gets of small objects on a unix socket in the cache's folder.

A call of gRPC costs some hundred times what the cache does for a small object, and takes threads of
its own. Here one of the threads that ask sends the requests of all, and one of those that wait
reads the answers of all (docs/object-cache.md, section 12). What does not fit, and whatever goes
wrong, goes by a call.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import deque
from pathlib import Path
from queue import SimpleQueue

from flamepy._process.forks import refuse_in_forked_child

#: Larger objects take a call.
SMALL_BYTES_MAX = 16 * 1024

_SOCKET = "small.sock"
_ANSWER_SECONDS = 300
_READ_BYTES = 64 * 1024
_PUT, _GET, _PUT_UNSYNCED = 1, 2, 3
_BY_CALL, _STORED, _UNCHANGED, _FULL = range(4)
_LENGTH = struct.Struct(">I")
#: Length of what follows, number of the request, what it is, length of the path.
_REQUEST = struct.Struct(">IIBH")
_VERSION = struct.Struct(">Q")


class Lost(Exception):
    """The connection ended: what was asked may have been done or not."""


class _Waiting:
    """A request that has no answer yet."""

    __slots__ = ("answer", "waits", "woken")

    def __init__(self) -> None:
        self.answer: bytes | None = None
        #: Its thread has nothing to send any more.
        self.waits = False
        #: Gets something when there is an answer, it is this one's turn to read, or all has ended.
        self.woken: SimpleQueue[None] = SimpleQueue()


class SmallCalls:
    """One connection for all threads of the process."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._owner = os.getpid()
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        #: Of what follows.
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        #: Requests, for whoever sends next.
        self._unsent: deque[bytes] = deque()
        self._number = 0
        self._ended = False
        self._unread = b""

    @classmethod
    def connected(cls, folder: Path) -> SmallCalls | None:
        """Connect to the cache that has the folder; None where it offers nothing there."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(folder / _SOCKET))
        except OSError:
            connection.close()
            return None
        # Of the system: with one of Python's each call would wait for the socket before it is made.
        for one in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, one, struct.pack("@ll", _ANSWER_SECONDS, 0))
        return cls(connection)

    def put(self, prefix: str, data: bytes | memoryview, durable: bool = True) -> bytes | None:
        """Put bytes at a prefix; the reference, or None when a call has to do it.

        Args:
            durable: False has the cache answer before they are on its disk.

        Raises:
            Lost: the connection ended before there was an answer.
        """
        status, rest = self._asked(_PUT if durable else _PUT_UNSYNCED, prefix, data)
        return rest if status == _STORED else None

    def get(self, key: str, version: int) -> tuple[int, memoryview | None] | None:
        """Get version and bytes of an object; no bytes: ``version`` is the current one.

        None when a call has to do it.

        Raises:
            Lost: the connection ended before there was an answer.
        """
        status, rest = self._asked(_GET, key, _VERSION.pack(version))
        if status == _UNCHANGED:
            return version, None
        if status != _FULL:
            return None
        return _VERSION.unpack_from(rest)[0], memoryview(rest)[_VERSION.size :]

    def close(self) -> None:
        """End the connection, and with it what waits for answers. Idempotent."""
        with self._lock:
            self._ended = True
            waiting = list(self._waiting.values())
            self._waiting.clear()
        # Whoever reads is woken by that, where closing alone would leave it waiting.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        for one in waiting:
            one.woken.put(None)

    def _asked(self, kind: int, path: str, data: bytes | memoryview) -> tuple[int, bytes]:
        refuse_in_forked_child(self._owner)
        name = path.encode()
        if len(name) > 0xFFFF:
            return _BY_CALL, b""
        waiting = _Waiting()
        with self._lock:
            if self._ended:
                raise Lost
            self._number = number = (self._number + 1) % 2**32
            self._waiting[number] = waiting
        length = _REQUEST.size - _LENGTH.size + len(name) + len(data)
        self._unsent.append(b"".join((_REQUEST.pack(length, number, kind, len(name)), name, data)))
        try:
            self._send()
            waiting.waits = True
            self._wait(waiting)
        except OSError as error:
            self.close()
            raise Lost from error
        except BaseException:
            # Interrupted in the middle of a message: what follows would have no beginning.
            self.close()
            raise
        if waiting.answer is None:
            raise Lost
        return waiting.answer[0], waiting.answer[1:]

    def _send(self) -> None:
        """Send the requests of all, unless another thread does, which then sends these as well."""
        unsent = self._unsent
        while unsent and self._sending.acquire(blocking=False):
            try:
                # Others may append meanwhile: theirs are sent the next time.
                self._socket.sendall(b"".join([unsent.popleft() for _ in range(len(unsent))]))
            finally:
                self._sending.release()

    def _wait(self, waiting: _Waiting) -> None:
        while waiting.answer is None and not self._ended:
            if not self._reading.acquire(blocking=False):
                waiting.woken.get()
                continue
            try:
                while waiting.answer is None:
                    self._read()
            finally:
                self._reading.release()
                self._hand_over()

    def _hand_over(self) -> None:
        """Have another one read that still waits.

        None that is still sending: the cache may take no more before somebody reads.
        """
        with self._lock:
            for waiting in self._waiting.values():
                if waiting.waits:
                    waiting.woken.put(None)
                    return

    def _read(self) -> None:
        """Read what there is, and wake those whose answers are in it."""
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        unread = self._unread + data if self._unread else data
        at = 0
        with self._lock:
            while len(unread) - at >= _LENGTH.size:
                end = at + _LENGTH.size + _LENGTH.unpack_from(unread, at)[0]
                if len(unread) < end:
                    break
                (number,) = _LENGTH.unpack_from(unread, at + _LENGTH.size)
                waiting = self._waiting.pop(number, None)
                if waiting is not None:
                    waiting.answer = unread[at + 2 * _LENGTH.size : end]
                    waiting.woken.put(None)
                at = end
        self._unread = unread[at:]
