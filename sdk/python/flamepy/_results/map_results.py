"""The results of a map over inputs of any number, in memory that does not grow with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flamepy._results.results import Cancel, OrderedResults, deadline_of
from flamepy._sessions.futures import TaskFuture

#: Tasks that were submitted and whose results were not read, and bytes of their inputs.
_AHEAD_MAX = 1024
_AHEAD_BYTES_MAX = 64 * 1024 * 1024


class MapResults(OrderedResults):
    """Submits tasks some way ahead of the reader, and gives their results in order.

    No input is taken while the next result is there and was not read. What fails, be it a task or
    the making of an input, is raised in its place, and then nothing follows.

    Args:
        inputs: inputs of tasks, taken when there is room for them.
        start: submits one, and returns the future of a reference to its result.
        cancel: for those that nobody waits for any more.
        timeout: seconds from now until each result has to be there; None for no limit.
    """

    def __init__(
        self,
        inputs: Iterator[bytes],
        start: Callable[[bytes], TaskFuture],
        cancel: Cancel,
        timeout: float | None,
    ) -> None:
        super().__init__((), cancel, deadline_of(timeout))
        self._inputs: Iterator[bytes] | None = inputs
        self._start = start
        #: Of the inputs of what is ahead, in its order.
        self._sizes: deque[int] = deque()
        self._ahead_bytes = 0
        self._fault: Exception | None = None
        self._fill()

    def _take(self) -> TaskFuture | None:
        if not self._ahead:
            self._fill()  # Others may wait for all that was submitted.
        future = super()._take()
        if future is not None:
            self._ahead_bytes -= self._sizes.popleft()
            return future
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
        return None

    def _value(self, result: Any) -> Any:
        return result.get()

    async def _value_meanwhile(self, result: Any) -> Any:
        if result._carried() is not None:
            return result.get()
        import asyncio  # Few need it.

        return await asyncio.to_thread(result.get)

    def _end(self, taken: TaskFuture | None = None) -> list[TaskFuture]:
        self._inputs = None
        self._fault = None
        return super()._end(taken)

    def _fill(self) -> None:
        while self._inputs is not None and self._has_room():
            try:
                data = next(self._inputs)
                future = self._start(data)
            except StopIteration:
                self._inputs = None
            except Exception as error:
                self._inputs = None
                self._fault = error
            else:
                self._ahead.append(future)
                self._sizes.append(len(data))
                self._ahead_bytes += len(data)

    def _has_room(self) -> bool:
        if not self._ahead:
            return True
        if len(self._ahead) >= _AHEAD_MAX or self._ahead_bytes >= _AHEAD_BYTES_MAX:
            return False
        return not self._ahead[0].done()
