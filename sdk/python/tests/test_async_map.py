"""``async for`` over what ``map`` gives."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import (
    Executor,
    ObjectSession,
    RemoteTaskError,
)
from flamepy._calls.requests import Upload
from flamepy._results.map_results import MapResults
from flamepy._results.results import FlattenedResults
from tests.support.map_tasks import Tasks, run
from tests.support.runpy_client import wait_for_file
from tests.support.wait import wait_for

SECONDS = 60

Make = Callable[..., ObjectSession]


def inputs(count: int) -> Iterator[bytes | Upload]:
    return iter([b"x"] * count)


def test_results_come_in_order_while_the_loop_goes_on() -> None:
    async def main() -> None:
        tasks = Tasks()
        results = tasks.map(inputs(3))
        tasks.end(1, "second")
        waiting = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        assert not waiting.done()
        tasks.end(0, "first")
        assert await waiting == "first"
        tasks.end(2, "third")
        assert [value async for value in results] == ["second", "third"]
        assert [value async for value in results] == []
        assert tasks.cancelled == []

    run(main())


def test_who_asks_twice_at_once_gets_two_results() -> None:
    async def main() -> None:
        tasks = Tasks()
        results = tasks.map(inputs(2))
        both = asyncio.gather(anext(results), anext(results), anext(results, "end"))
        await asyncio.sleep(0)
        tasks.end(1, "second")
        tasks.end(0, "first")
        assert await both == ["first", "second", "end"]

    run(main())


def test_who_asks_twice_at_once_for_results_of_chunks_gets_each_once() -> None:
    async def main() -> None:
        tasks = Tasks()
        results = FlattenedResults(tasks.map(inputs(2)))
        both = asyncio.gather(anext(results), anext(results))
        await asyncio.sleep(0)
        tasks.end(1, [4, 5])
        tasks.end(0, [1, 2, 3])
        assert [*await both, *[value async for value in results]] == [1, 2, 3, 4, 5]

    run(main())


def test_what_fails_is_raised_in_its_place_and_the_rest_is_cancelled() -> None:
    async def main() -> None:
        tasks = Tasks()
        results = tasks.map(inputs(4))
        tasks.end(0, "first")
        tasks.futures[1].fail(KeyError("second"))
        seen = []
        with pytest.raises(KeyError, match="second"):
            async for value in results:
                seen.append(value)
        assert seen == ["first"]
        assert [value async for value in results] == []
        await asyncio.to_thread(tasks.await_cancels, 2)

    def broken() -> Iterator[bytes | Upload]:
        yield b"x"
        raise ValueError("no second input")

    async def of_inputs() -> None:
        tasks = Tasks()
        results = tasks.map(broken())
        tasks.end(0, "first")
        assert await anext(results) == "first"
        with pytest.raises(ValueError, match="no second input"):
            await anext(results)
        assert await anext(results, "end") == "end"

    run(main())
    run(of_inputs())


def test_who_is_cancelled_or_waits_too_long_gives_the_rest_up() -> None:
    async def main() -> None:
        for cancelled in (True, False):
            tasks = Tasks()
            results = tasks.map(inputs(3), None if cancelled else 0.05)
            tasks.end(0, "first")
            assert await anext(results) == "first"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(results), 0.05 if cancelled else None)
            assert await anext(results, "end") == "end"
            await asyncio.to_thread(tasks.await_cancels, 1)

    run(main())


def test_leaving_the_loop_early_gives_the_rest_up() -> None:
    async def main() -> None:
        tasks = Tasks()
        results = FlattenedResults(tasks.map(inputs(3)))
        tasks.end(0, ["first", "with it"])
        async for value in results:
            assert value == "first"
            break
        del results
        gc.collect()
        await asyncio.to_thread(tasks.await_cancels, 1)
        tasks = Tasks()
        async with contextlib.aclosing(tasks.map(inputs(3))) as closed:
            tasks.end(0, "first")
            assert await anext(closed) == "first"
        assert await anext(closed, "end") == "end"
        tasks.await_cancels(1)

    run(main())


@pytest.mark.parametrize("chunksize", [1, 3])
def test_sessions_and_executors_give_them(make_session: Make, chunksize: int) -> None:
    session = make_session(divmod)
    how: dict[str, Any] = {"chunksize": chunksize, "progress": True}

    async def main() -> None:
        async with Executor() as executor:
            for results in (
                session.map(range(7), itertools.repeat(2), **how),
                session.method("__call__").map(range(7), itertools.repeat(2), **how),
                executor.map(divmod, range(7), itertools.repeat(2), **how),
            ):
                assert [value async for value in results] == [divmod(n, 2) for n in range(7)]
            for failing in (
                session.map([1, 1], [1, 0], chunksize=chunksize),
                executor.map(divmod, [1, 1], [1, 0], chunksize=chunksize),
            ):
                with pytest.raises(RemoteTaskError, match="ZeroDivisionError"):
                    [value async for value in failing]

    run(main())


def test_a_result_that_lies_in_the_cache_is_fetched_while_the_loop_goes_on(
    make_session: Make,
) -> None:
    class Stored(flamepy.ObjectRef):
        def get(self) -> Any:
            return threading.current_thread()

    async def main() -> None:
        tasks = Tasks()
        results = tasks.map(inputs(1))
        tasks.futures[0].succeed(Stored("grpc://nowhere:1", "a/b/c"))
        assert await anext(results) is not threading.current_thread()
        sizes = [1_000_000, 10]
        session = make_session(lambda n: bytes(n))
        assert [len(value) async for value in session.map(sizes)] == sizes

    run(main())


def test_what_nobody_waits_for_any_more_is_cancelled_on_the_cluster(
    make_session: Make, tmp_path: Path
) -> None:
    session = make_session(wait_for_file, max_instances=1)
    release = tmp_path / "release"

    def pending() -> int:
        return flamepy.get_session(session.id).pending

    async def main() -> None:
        first = session.submit(release)
        await asyncio.to_thread(wait_for, first.running, "the first to run", SECONDS)
        results = session.map([release] * 50)
        assert isinstance(results, MapResults)
        second = results._ahead[0]
        assert second.task_id
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(results), 0.05)
        await asyncio.to_thread(wait_for, lambda: pending() == 0, "the cancels", SECONDS)
        with pytest.raises(CancelledError):
            await second
        release.touch()
        assert await first == "release"

    run(main())
    assert flamepy.get_session(session.id).succeed == 1


def test_an_executor_takes_back_what_nobody_waits_for(real: Any, tmp_path: Path) -> None:
    release = tmp_path / "release"

    async def main() -> None:
        async with Executor(max_workers=1) as executor:
            first = executor.submit(wait_for_file, release)
            await asyncio.to_thread(wait_for, first.running, "the first to run", SECONDS)
            results = executor.map(wait_for_file, [release] * 20)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(results), 0.05)
            session = executor._work.session.id
            wait_for(lambda: flamepy.get_session(session).pending == 0, "the cancels", SECONDS)
            release.touch()
        assert flamepy.get_session(session).succeed == 1

    run(main())
