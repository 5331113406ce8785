"""flamepy in event loops, against a cluster as it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import Executor, FlameError, ObjectSession, RemoteTaskError, RunnerRequest, TaskFuture
from flamepy.runner import ObjectFuture
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import by_value, wait_for_file
from tests.support.wait import wait_for

SECONDS = 60


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine with what asyncio finds out in its debug mode."""

    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await main

    asyncio.run(bounded(), debug=True)


def test_a_future_is_awaited(make_session: Callable[..., ObjectSession]) -> None:
    async def main() -> None:
        session = make_session(divmod)
        assert await session.submit(7, 2) == (3, 1)
        ended = session.submit(7, 2)
        ended.result(SECONDS)
        assert await ended == (3, 1)
        assert await asyncio.gather(*(session.submit(n, 2) for n in range(50))) == [
            divmod(n, 2) for n in range(50)
        ]
        with pytest.raises(RemoteTaskError, match="ZeroDivisionError"):
            await session.submit(1, 0)
        reference = await session.run(RunnerRequest(args=(7, 2)))
        assert reference.get() == (3, 1)
        assert await asyncio.wait_for(session.submit(1, 1), SECONDS) == (1, 0)

    run(main())


def test_the_loop_goes_on_while_something_is_awaited(
    make_session: Callable[..., ObjectSession], tmp_path: Path
) -> None:
    async def main() -> None:
        future = make_session(wait_for_file).submit(tmp_path / "release")

        async def release() -> None:
            (tmp_path / "release").touch()

        released = asyncio.create_task(release())
        assert await future == "release"
        await released

    run(main())


def test_who_is_cancelled_cancels_what_is_pending(
    make_session: Callable[..., ObjectSession], tmp_path: Path
) -> None:
    session = make_session(wait_for_file, max_instances=1)
    release = tmp_path / "release"

    async def main() -> None:
        running = session.submit(release)
        await asyncio.to_thread(wait_for, running.running, "the first to run", SECONDS)
        pending = session.submit(release)
        for future in (pending, running):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(future, 0.05)
        await asyncio.to_thread(wait_for, pending.cancelled, "the cancel", SECONDS)
        release.touch()
        assert await running == "release"
        with pytest.raises(concurrent.futures.CancelledError):
            await pending

    run(main())


def test_sessions_and_executors_end_without_holding_up_the_loop(
    real: RealCluster, tmp_path: Path
) -> None:
    by_value(None)
    release = tmp_path / "release"

    async def main() -> None:
        async with flamepy.create_session("flmrun", wait_for_file) as session:
            assert isinstance(session, ObjectSession)
            future = session.submit(release)
            await asyncio.to_thread(wait_for, future.running, "the task to run", SECONDS)
            later = asyncio.create_task(touch())
        assert later.done()
        assert future.result() == "release"
        assert session.state.name == "CLOSED"
        release.unlink()
        async with Executor() as executor:
            call = executor.submit(wait_for_file, release)
            later = asyncio.create_task(touch())
        assert later.done()
        assert call.result() == "release"
        with pytest.raises(RuntimeError):
            executor.submit(wait_for_file, release)

    async def touch() -> None:
        await asyncio.sleep(0)
        release.touch()

    run(main())


def test_an_error_that_leaves_the_block_ends_what_was_started(
    real: RealCluster, tmp_path: Path
) -> None:
    by_value(None)
    made: list[flamepy.Session] = []

    async def main() -> None:
        with pytest.raises(KeyError, match="mine"):
            async with flamepy.create_session("flmrun", wait_for_file) as session:
                made.append(session)
                session.submit(tmp_path / "never")
                raise KeyError("mine")

    run(main())
    wait_for(lambda: flamepy.get_session(made[0].id).state.name == "CLOSED", "the close", SECONDS)


def test_futures_come_as_they_end_in_both_kinds_of_loops(
    make_session: Callable[..., ObjectSession], tmp_path: Path
) -> None:
    session = make_session(wait_for_file, min_instances=2)
    first, second = tmp_path / "first", tmp_path / "second"

    async def main() -> None:
        futures = {session.submit(path): path for path in (first, second)}
        seen = []
        second.touch()
        async for future in flamepy.as_completed([*futures, *futures]):
            seen.append(await future)
            first.touch()
        assert seen == ["second", "first"]
        assert [future.result() for future in flamepy.as_completed(futures)] != []
        nothing: list[TaskFuture] = []
        assert [await future async for future in flamepy.as_completed(nothing)] == []
        first.unlink()
        late = flamepy.as_completed([session.submit(path) for path in (first, second)], 1.0)
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            assert [await future async for future in late] == ["never seen"]
        with pytest.raises(TimeoutError, match=r"\(of 2\) futures unfinished"):
            assert [future.result() for future in late] == ["never seen"]
        first.touch()

    run(main())


def test_what_wakes_a_loop_takes_no_thread_of_its_own() -> None:
    elsewhere: list[object] = []

    async def main() -> None:
        future = TaskFuture()
        waiting = asyncio.ensure_future(_of(future))
        await asyncio.sleep(0)
        future.settle(lambda: future.succeed(1), elsewhere.append)
        assert await waiting == 1

    async def _of(future: TaskFuture) -> Any:
        return await future

    run(main())
    assert elsewhere == []


def test_a_loop_that_is_closed_is_left_alone() -> None:
    future = TaskFuture()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_of(future), 0.01)

    async def _of(future: TaskFuture) -> Any:
        return await future

    future._cancel_pending = lambda: False  # type: ignore[method-assign]
    asyncio.run(main())
    future.succeed(1)
    assert future.result() == 1


def test_a_result_of_a_runner_is_awaited(make_session: Callable[..., ObjectSession]) -> None:
    session = make_session(abs)

    async def main() -> None:
        assert await ObjectFuture(session.run(RunnerRequest(args=(-3,)))) == 3
        with pytest.raises(FlameError, match="TypeError"):
            await ObjectFuture(session.run(RunnerRequest(args=("x",))))

    run(main())


def test_a_coroutine_may_start_more_than_there_are_threads(
    make_session: Callable[..., ObjectSession],
) -> None:
    session = make_session(abs)

    async def main() -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(n)) for n in range(300)]
        assert [task.result() for task in tasks] == list(range(300))
        assert time.monotonic() - began < SECONDS

    async def one(n: int) -> Any:
        return await session.submit(-n)

    run(main())
