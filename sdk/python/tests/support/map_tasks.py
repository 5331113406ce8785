"""A map in an event loop whose tasks a test ends itself."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

from flamepy import ResultRef, TaskFuture
from flamepy._calls.requests import Upload
from flamepy._results.map_results import MapResults
from flamepy._values.envelope import PYTHON
from tests.support.wait import wait_for

SECONDS = 60


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine with what asyncio finds out in its debug mode."""

    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await main

    asyncio.run(bounded(), debug=True)


class Tasks:
    """Futures that a test ends, for a map over an endless input."""

    def __init__(self) -> None:
        self.futures: list[TaskFuture] = []
        self.cancelled: list[TaskFuture] = []
        self.cancelled_by: list[threading.Thread] = []

    def map(self, inputs: Iterator[bytes | Upload], timeout: float | None = None) -> MapResults:
        return MapResults(inputs, self._start, self._cancel, timeout)

    def end(self, at: int, value: object) -> None:
        self.futures[at].succeed(ResultRef(pickle.dumps(value), PYTHON, "a/b"))

    def await_cancels(self, since: int) -> None:
        wait_for(lambda: self.cancelled == self.futures[since:], "the cancels", SECONDS)
        assert threading.current_thread() not in self.cancelled_by

    def _start(self, data: bytes) -> TaskFuture:
        self.futures.append(TaskFuture())
        return self.futures[-1]

    def _cancel(self, futures: list[TaskFuture]) -> None:
        self.cancelled_by.append(threading.current_thread())
        self.cancelled += futures
