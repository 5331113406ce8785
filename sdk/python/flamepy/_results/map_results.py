"""The results of a map over inputs of any number, in memory that does not grow with it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flamepy._calls.requests import Upload
from flamepy._results.results import Cancel, OrderedResults, deadline_of
from flamepy._sessions.futures import TaskFuture

#: Tasks that were submitted and whose results were not read, and bytes of their inputs.
_AHEAD_MAX = 1024
_AHEAD_BYTES_MAX = 64 * 1024 * 1024


class MapResults(OrderedResults):
    """Submits tasks some way ahead of the reader, and gives their results in order.

    No input is taken while the next result is there and was not read. What fails, be it a task or
    the making of an input, is raised in its place, and then nothing follows. In an event loop
    threads put what is large, one input after the other, and no large one before somebody asks for
    a result.

    Args:
        inputs: inputs of tasks, or what puts and gives one; taken when there is room for them.
        start: submits one, and returns the future of a reference to its result.
        cancel: for those that nobody waits for any more.
        timeout: seconds from now until each result has to be there; None for no limit.
    """

    def __init__(
        self,
        inputs: Iterator[bytes | Upload],
        start: Callable[[bytes], TaskFuture],
        cancel: Cancel,
        timeout: float | None,
    ) -> None:
        super().__init__((), cancel, deadline_of(timeout))
        self._inputs: Iterator[bytes | Upload] | None = inputs
        self._start = start
        #: Of the inputs of what is ahead, in its order.
        self._sizes: deque[int] = deque()
        self._ahead_bytes = 0
        self._fault: Exception | None = None
        #: The next input, where it is large and has not been put yet.
        self._large: Upload | None = None
        # Of several that ask in a loop one submits.
        self._turn: Any = None
        if _runs_in_loop():
            self._large = self._submit_small()
        else:
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
        self._large = None
        self._fault = None
        return super()._end(taken)

    def _fill(self) -> None:
        while (upload := self._submit_small()) is not None:
            try:
                self._submit(upload())
            except Exception as error:
                self._end_inputs(error)

    async def _begin_meanwhile(self) -> None:
        if not self._ahead:
            await self._fill_meanwhile()

    async def _fill_meanwhile(self) -> None:
        if self._inputs is None or not self._has_room():
            return
        import asyncio  # Few need it.

        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            while (upload := self._submit_small()) is not None:
                try:
                    data = await asyncio.to_thread(upload)
                    if self._inputs is not None:  # Nobody has given it up meanwhile.
                        self._submit(data)
                except Exception as error:
                    self._end_inputs(error)

    def _submit_small(self) -> Upload | None:
        """Submit what there is room for, up to a large input; return what puts that."""
        while self._inputs is not None and self._has_room():
            if self._large is not None:
                upload, self._large = self._large, None
                return upload
            try:
                data = next(self._inputs)
                if not isinstance(data, bytes):
                    return data
                self._submit(data)
            except Exception as error:
                self._end_inputs(error)
        return None

    def _submit(self, data: bytes) -> None:
        self._ahead.append(self._start(data))
        self._sizes.append(len(data))
        self._ahead_bytes += len(data)

    def _end_inputs(self, error: Exception) -> None:
        """Have nothing follow after what fails, nor after the last input."""
        is_fault = self._inputs is not None and not isinstance(error, StopIteration)
        self._inputs = None
        self._fault = error if is_fault else None

    def _has_room(self) -> bool:
        if not self._ahead:
            return True
        if len(self._ahead) >= _AHEAD_MAX or self._ahead_bytes >= _AHEAD_BYTES_MAX:
            return False
        return not self._ahead[0].done()


def _runs_in_loop() -> bool:
    """Whether this thread runs an event loop now; asyncio is not loaded for that."""
    asyncio = sys.modules.get("asyncio.events")
    return asyncio is not None and asyncio._get_running_loop() is not None
