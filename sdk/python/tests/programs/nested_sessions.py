"""Calls that wait for calls of their own; each instance takes a whole node."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from typing import Any

import flamepy
from flamepy import ResourceRequirement, RunnerContext, RunnerRequest, RunnerServiceKind

WHOLE_NODE = ResourceRequirement(cpu=os.cpu_count() or 1, memory=2**20)

type Way = Callable[[Sequence[Future[Any]]], list[Any]]


def by_result(calls: Sequence[Future[Any]]) -> list[Any]:
    return [call.result() for call in calls]


def by_exception(calls: Sequence[Future[Any]]) -> list[Any]:
    assert all(call.exception() is None for call in calls)
    return by_result(calls)


def by_wait(calls: Sequence[Future[Any]]) -> list[Any]:
    return by_result(list(wait(calls).done))


def by_as_completed(calls: Sequence[Future[Any]]) -> list[Any]:
    return by_result(list(as_completed(calls)))


def by_loop(calls: Sequence[Future[Any]]) -> list[Any]:
    async def gathered() -> list[Any]:
        return await asyncio.gather(*(asyncio.wrap_future(call) for call in calls))

    return asyncio.run(gathered())


def by_threads(calls: Sequence[Future[Any]]) -> list[Any]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda call: call.result(), calls))


def count(below: int, way: Way) -> int:
    if below == 0:
        return 1
    with flamepy.Executor(resreq=WHOLE_NODE) as executor:
        calls = [executor.submit(count, below - 1, way) for _ in range(2 if below == 1 else 1)]
        return 1 + sum(way(calls))


def fibonacci(n: int, session_id: str) -> int:
    if n < 2:
        return n
    session = flamepy.open_session(session_id)
    calls = [session.run(RunnerRequest(args=(n - back, session_id))) for back in (1, 2)]
    return sum(call.result().get() for call in calls)


def count_in_every_way() -> None:
    with flamepy.Executor(resreq=WHOLE_NODE) as outermost:
        print("four levels", outermost.submit(count, 3, by_result).result())
        for way in (by_exception, by_wait, by_as_completed, by_loop, by_threads):
            print(way.__name__, outermost.submit(count, 1, way).result())


def recurse_in_one_session() -> None:
    context = RunnerContext(fibonacci, RunnerServiceKind.Stateless)
    with flamepy.create_session("flmrun", context, resreq=WHOLE_NODE) as session:
        print("fibonacci", session.invoke(RunnerRequest(args=(3, session.id))).get())


count_in_every_way()
recurse_in_one_session()
