"""The small calls of a client, against a cache that this file plays."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flamepy import FlameError
from flamepy._objects.small_calls import Lost, SmallCalls, _Waiting
from tests.support.wait import wait_for

Request = tuple[int, int, str, bytes]


class Cache:
    """Reads requests, and answers as the test says."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "small.sock"))
        self._listener.listen()
        calls = SmallCalls.connected(folder)
        assert calls is not None
        self.calls = calls
        self._socket = self._listener.accept()[0]

    def next(self) -> Request:
        (length,) = struct.unpack(">I", self._exactly(4))
        body = self._exactly(length)
        number, kind, name = struct.unpack_from(">IBH", body)
        return number, kind, body[7 : 7 + name].decode(), body[7 + name :]

    def answer(self, number: int, status: int, rest: bytes = b"") -> bytes:
        return struct.pack(">IIB", 5 + len(rest), number, status) + rest

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self.calls.close()
        self._socket.close()
        self._listener.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self._socket.recv(size - len(data))
        return data


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache(tmp_path)
    yield cache
    cache.close()


def version(number: int) -> bytes:
    return struct.pack(">Q", number)


def test_a_put_and_the_three_answers_to_a_get(cache: Cache) -> None:
    with ThreadPoolExecutor(1) as thread:
        put = thread.submit(cache.calls.put, "app/ssn", b"bytes")
        number, kind, path, data = cache.next()
        assert (kind, path, data) == (1, "app/ssn", b"bytes")
        cache.send(cache.answer(number, 1, b"reference"))
        assert put.result() == b"reference"
        put = thread.submit(cache.calls.put, "app/ssn", b"bytes", False)
        number, kind, path, data = cache.next()
        assert (kind, path, data) == (3, "app/ssn", b"bytes")
        cache.send(cache.answer(number, 1, b"another"))
        assert put.result() == b"another"
        for status, rest, expected in (
            (3, version(7) + b"bytes", (7, b"bytes")),
            (3, version(1), (1, b"")),
            (2, b"", (5, None)),
            (0, b"", None),
        ):
            get = thread.submit(cache.calls.get, "app/ssn/x", 5)
            number, kind, path, data = cache.next()
            assert (kind, path, data) == (2, "app/ssn/x", version(5))
            cache.send(cache.answer(number, status, rest))
            assert get.result() == expected


def test_many_threads_share_a_connection_and_each_gets_its_own_answer(cache: Cache) -> None:
    count, threads = 2_000, 64

    def play() -> None:
        held: list[Request] = []
        for _ in range(count):
            held.append(cache.next())
            # The last first, and cut where no message ends.
            if len(held) == 7 or held[-1][2] == "app/ssn/last":
                answers = b"".join(
                    cache.answer(number, 3, version(1) + path.encode())
                    for number, _, path, _ in reversed(held)
                )
                held.clear()
                for at in range(0, len(answers), 13):
                    cache.send(answers[at : at + 13])
        assert held == []

    player = threading.Thread(target=play)
    player.start()
    names = [f"app/ssn/{number}" for number in range(count - count % 7)]
    with ThreadPoolExecutor(threads) as pool:
        found: list[object] = list(pool.map(lambda name: cache.calls.get(name, 0), names))
        found += pool.map(lambda _: cache.calls.get("app/ssn/last", 0), range(count % 7))
    names += ["app/ssn/last"] * (count % 7)
    player.join()
    assert found == [(1, name.encode()) for name in names]


def test_the_next_one_to_read_is_none_that_cannot_send(cache: Cache) -> None:
    """The cache may take no more of its request before somebody reads what it has answered."""
    # Asked before the others; its thread is still in the middle of sending.
    cache.calls._waiting[0] = _Waiting()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.calls.get, "app/ssn/first", 0)
        one = cache.next()[0]
        second = pool.submit(cache.calls.get, "app/ssn/second", 0)
        two = cache.next()[0]
        cache.send(cache.answer(one, 2))
        assert first.result(10) == (0, None)
        cache.send(cache.answer(two, 2))
        try:
            assert second.result(10) == (0, None)
        finally:
            cache.calls.close()


def test_what_others_ask_while_one_sends_leaves_with_the_next_message(cache: Cache) -> None:
    with ThreadPoolExecutor(3) as pool:
        with cache.calls._sending:
            asked = [pool.submit(cache.calls.get, f"app/ssn/{number}", 0) for number in (1, 2)]
            wait_for(lambda: len(cache.calls._unsent) == 2, "two requests")
        asked.append(pool.submit(cache.calls.get, "app/ssn/3", 0))
        requests = [cache.next() for _ in asked]
        assert sorted(path for _, _, path, _ in requests) == [f"app/ssn/{n}" for n in (1, 2, 3)]
        for number, _, path, _ in reversed(requests):
            cache.send(cache.answer(number, 3, version(1) + path.encode()))
        found: list[object] = [one.result(10) for one in asked]
        assert found == [(1, f"app/ssn/{n}".encode()) for n in (1, 2, 3)]


def test_all_that_wait_are_told_when_the_connection_ends(cache: Cache) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.calls.get, "app/ssn/x", 0) for _ in range(8)]
        for _ in asked:
            cache.next()
        cache._socket.close()
        for one in asked:
            with pytest.raises(Lost):
                one.result()
    with pytest.raises(Lost):
        cache.calls.get("app/ssn/x", 0)


def test_closing_it_wakes_whoever_waits(cache: Cache) -> None:
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(cache.calls.get, "app/ssn/x", 0) for _ in range(2)]
        for _ in asked:
            cache.next()
        cache.calls.close()
        for one in asked:
            with pytest.raises(Lost):
                one.result()


def test_a_forked_child_is_told_that_it_cannot_use_it(cache: Cache) -> None:
    child = os.fork()
    if child == 0:
        try:
            cache.calls.get("app/ssn/x", 0)
        except FlameError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_there_is_none_where_no_cache_listens(tmp_path: Path) -> None:
    assert SmallCalls.connected(tmp_path) is None
    (tmp_path / "small.sock").write_text("no socket")
    assert SmallCalls.connected(tmp_path) is None
    assert SmallCalls.connected(tmp_path / ("x" * 200)) is None
