"""The results of a map over inputs of any number, in memory that does not grow with it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flamepy._futures import TaskFuture
from flamepy._later import when_dropped

#: Tasks that were submitted and whose results were not read, and bytes of their inputs.
_AHEAD_MAX = 1024
_AHEAD_BYTES_MAX = 64 * 1024 * 1024

#: Futures of references, each with the size of its input.
_Ahead = deque[tuple[TaskFuture, int]]


class MapResults(Iterator[Any]):
    """Submits tasks some way ahead of the reader, and gives their results in order.

    No input is taken while the next result is there and was not read. What fails, be it a task or
    the making of an input, is raised in its place, and then nothing follows. What is pending is
    cancelled then, and when nobody has this any more.

    Args:
        inputs: inputs of tasks, taken when there is room for them.
        start: submits one, and returns the future of a reference to its result.
        cancel: cancels what is pending of some futures; raises nothing.
        timeout: seconds from now until each result has to be there; None for no limit.
    """

    def __init__(
        self,
        inputs: Iterator[bytes],
        start: Callable[[bytes], TaskFuture],
        cancel: Callable[[list[TaskFuture]], None],
        timeout: float | None,
    ) -> None:
        self._inputs: Iterator[bytes] | None = inputs
        self._start = start
        self._cancel = cancel
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._ahead: _Ahead = deque()
        self._ahead_bytes = 0
        self._fault: Exception | None = None
        when_dropped(self, partial(_give_up, self._ahead, cancel))
        self._fill()

    def __next__(self) -> Any:
        if not self._ahead:
            self._end()
        try:
            reference = self._ahead[0][0].result(self._left())
            self._ahead_bytes -= self._ahead.popleft()[1]
            self._fill()
            return reference.get()
        except BaseException:
            self._inputs = None
            self._fault = None
            _give_up(self._ahead, self._cancel)
            raise

    def _end(self) -> None:
        fault, self._fault = self._fault, None
        raise fault or StopIteration

    def _left(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def _fill(self) -> None:
        while self._inputs is not None and self._has_room():
            try:
                data = next(self._inputs)
                self._ahead.append((self._start(data), len(data)))
            except StopIteration:
                self._inputs = None
            except Exception as error:
                self._inputs = None
                self._fault = error
            else:
                self._ahead_bytes += len(data)

    def _has_room(self) -> bool:
        if not self._ahead:
            return True
        if len(self._ahead) >= _AHEAD_MAX or self._ahead_bytes >= _AHEAD_BYTES_MAX:
            return False
        return not self._ahead[0][0].done()


def _give_up(ahead: _Ahead, cancel: Callable[[list[TaskFuture]], None]) -> None:
    futures = [future for future, _ in ahead if not future.done()]
    ahead.clear()
    if futures:
        cancel(futures)
