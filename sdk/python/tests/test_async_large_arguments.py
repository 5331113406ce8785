"""Large arguments of a map in an event loop are put while the loop goes on."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, ObjectSession
from flamepy._calls import requests
from flamepy._calls.published_frame import published_call_or_upload
from flamepy._objects.objects import put_cell
from tests.support.cache_server import CacheServer
from tests.support.map_tasks import SECONDS, Tasks, run

Make = Callable[..., ObjectSession]


class Turn:
    """Puts of large arguments, which do not go on before the loop has turned since they began."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.awaited = 0

    def wait(self) -> None:
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        assert turned.wait(10), "the loop stands still while a large argument is put"
        self.awaited += 1

    def put(self) -> bytes:
        self.wait()
        return b"large"


class HeldPut:
    """One put of a large argument, which goes on when a test says so, and may fail then."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails
        self.began = threading.Event()
        self.release = threading.Event()
        self.ended = threading.Event()

    def put(self) -> bytes:
        self.began.set()
        assert self.release.wait(SECONDS)
        self.ended.set()
        if self.fails:
            raise FlameError(FlameErrorCode.INVALID_STATE, "the cache is full")
        return b"large"


def test_the_loop_goes_on_while_large_arguments_are_put() -> None:
    async def main() -> None:
        tasks, turn = Tasks(), Turn()
        results = tasks.map(iter([b"0", turn.put, b"2", turn.put]))
        assert len(tasks.futures) == 1
        waiting = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        tasks.end(0, "first")
        assert await waiting == "first"
        assert turn.awaited == 2
        for at in range(1, 4):
            tasks.end(at, at)
        assert [value async for value in results] == [1, 2, 3]

    run(main())


def test_large_arguments_that_are_put_in_a_loop_arrive_in_order(
    make_session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(len)
    sizes = [1_000_000, 10, 2_000_000, 3_000_000, 20]

    async def main() -> None:
        turn = Turn()

        def put_later(prefix: str, cell: Any) -> flamepy.ObjectRef:
            turn.wait()
            return put_cell(prefix, cell)

        monkeypatch.setattr(requests, "put_cell", put_later)
        for chunksize, puts in ((1, 3), (2, 2)):
            results = session.map(map(bytes, sizes), chunksize=chunksize)
            assert [value async for value in results] == sizes
            assert turn.awaited == puts
            turn.awaited = 0

    run(main())


def test_large_arguments_are_put_apart_for_services_of_another_make(
    cache: CacheServer,
) -> None:
    small = published_call_or_upload(None, (1,), {}, "a/b")
    assert isinstance(small, bytes)
    large = published_call_or_upload(None, (bytes(1_000_000),), {}, "a/b")
    assert not isinstance(large, bytes)
    assert len(cache.objects) == 0
    assert len(large()) < 1000
    assert len(cache.objects) == 1


def test_a_put_that_fails_is_raised_in_its_place() -> None:
    def refused() -> bytes:
        raise FlameError(FlameErrorCode.INVALID_STATE, "the cache is full")

    async def main() -> None:
        tasks = Tasks()
        results = tasks.map(iter([b"0", refused, b"2"]))
        tasks.end(0, "first")
        assert await anext(results) == "first"
        with pytest.raises(FlameError, match="the cache is full"):
            await anext(results)
        assert await anext(results, "end") == "end"
        assert len(tasks.futures) == 1

    run(main())


def test_who_is_cancelled_or_closes_while_an_argument_is_put_submits_it_no_more() -> None:
    async def main() -> None:
        for closes, fails in itertools.product((False, True), repeat=2):
            tasks, put = Tasks(), HeldPut(fails)
            results = tasks.map(iter([put.put, b"1"]))
            waiting = asyncio.ensure_future(anext(results, "end"))
            await asyncio.to_thread(put.began.wait, SECONDS)
            if closes:
                results.close()
            else:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            put.release.set()
            await asyncio.to_thread(put.ended.wait, SECONDS)
            if closes:
                assert await waiting == "end"
            assert await anext(results, "end") == "end"
            assert tasks.futures == []

    run(main())


def test_who_asks_twice_at_once_has_each_large_argument_put_once() -> None:
    async def main() -> None:
        tasks, turn = Tasks(), Turn()
        results = tasks.map(iter([turn.put, turn.put]))
        both = asyncio.gather(anext(results), anext(results), anext(results, "end"))
        while len(tasks.futures) < 2:
            await asyncio.sleep(0)
        tasks.end(1, "second")
        tasks.end(0, "first")
        assert await both == ["first", "second", "end"]
        assert turn.awaited == 2

    run(main())
