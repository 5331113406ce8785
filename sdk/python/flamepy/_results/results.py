"""Results of a map, in the order of its inputs, for both kinds of loops."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from flamepy._process.later import later, when_dropped
from flamepy._sessions.futures import TaskFuture

#: Cancels what is pending of some futures; waits for the session manager, and raises nothing.
Cancel = Callable[[list[TaskFuture]], None]


class Results(Iterator[Any], AsyncIterator[Any]):
    """What ``map`` gives: for a ``for``, or an ``async for``, which lets its loop go on."""

    @abstractmethod
    def close(self) -> None:
        """Give up what was not read: what is pending of it is cancelled, and nothing follows."""

    async def aclose(self) -> None:
        """Do the same, and let the loop go on meanwhile."""
        import asyncio  # Few need it.

        await asyncio.to_thread(self.close)


class OrderedResults(Results):
    """Gives the results of futures.

    A failure is raised in its place, and then nothing follows. What is pending is cancelled then,
    and when nobody has this any more.

    Args:
        futures: of calls that were handed in, in order.
        cancel: for those that nobody waits for any more.
        deadline: when each result has to be there, as ``deadline_of`` gives it.
    """

    def __init__(
        self, futures: Iterable[TaskFuture], cancel: Cancel, deadline: float | None
    ) -> None:
        self._ahead = deque(futures)
        self._cancel = cancel
        self._deadline = deadline
        when_dropped(self, partial(_cancel_rest, self._ahead, cancel))

    def __next__(self) -> Any:
        future = self._take()
        if future is None:
            raise StopIteration
        try:
            result = future.result(self._left())
            self._fill()
            return self._value(result)
        except BaseException:
            _cancel_all(self._end(future), self._cancel)
            raise
        finally:
            del future  # It has the exception, and that this frame.

    async def __anext__(self) -> Any:
        from flamepy._results.event_loops import ended  # Few need it.

        try:
            await self._begin_meanwhile()
        except BaseException:
            self._give_up_meanwhile()
            raise
        future = self._take()
        if future is None:
            raise StopAsyncIteration
        try:
            await ended(future, self._left())
            result = future.result(0)
            await self._fill_meanwhile()
            return await self._value_meanwhile(result)
        except BaseException:
            self._give_up_meanwhile(future)
            raise
        finally:
            del future

    def close(self) -> None:
        _cancel_all(self._end(), self._cancel)

    def _end(self, taken: TaskFuture | None = None) -> list[TaskFuture]:
        """Have nothing follow, and return the futures for which nobody waits any more."""
        if taken is not None:
            self._ahead.appendleft(taken)
        return _taken_out(self._ahead)

    def _give_up_meanwhile(self, taken: TaskFuture | None = None) -> None:
        """Give up what is left; a loop does not wait for the session manager."""
        later(partial(_cancel_all, self._end(taken), self._cancel))

    def _take(self) -> TaskFuture | None:
        """Return the future of the next result; None at the end."""
        return self._ahead.popleft() if self._ahead else None

    def _fill(self) -> None:
        """A result has come: there may be room for more."""

    async def _begin_meanwhile(self) -> None:
        """See that there is a future to wait for, and let the loop go on meanwhile."""

    async def _fill_meanwhile(self) -> None:
        """Fill, and let the loop go on meanwhile."""

    def _value(self, result: Any) -> Any:
        """Return what the user gets of the result of a future."""
        return result

    async def _value_meanwhile(self, result: Any) -> Any:
        """Return the same without holding up the loop."""
        return result

    def _left(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)


class FlattenedResults(Results):
    """Gives the results of chunks of calls one by one.

    Args:
        chunks: gives a list of results at a time.
    """

    def __init__(self, chunks: Results) -> None:
        self._chunks = chunks
        self._chunk: list[Any] = []
        # Of several that ask in a loop one fetches a chunk, and the others take of it.
        self._turn: Any = None

    def __next__(self) -> Any:
        while not self._chunk:
            self._chunk = next(self._chunks)[::-1]
        return self._chunk.pop()  # Whoever gets a result is the only one who has it.

    async def __anext__(self) -> Any:
        import asyncio  # Few need it.

        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            while not self._chunk:
                self._chunk = (await anext(self._chunks))[::-1]
            return self._chunk.pop()

    def close(self) -> None:
        self._chunk.clear()
        self._chunks.close()


def deadline_of(timeout: float | None) -> float | None:
    """Return when ``timeout`` seconds are over; None for no limit."""
    return None if timeout is None else time.monotonic() + timeout


def _cancel_rest(ahead: deque[TaskFuture], cancel: Cancel) -> None:
    _cancel_all(_taken_out(ahead), cancel)


def _taken_out(ahead: deque[TaskFuture]) -> list[TaskFuture]:
    taken = list(ahead)
    ahead.clear()
    return taken


def _cancel_all(futures: list[TaskFuture], cancel: Cancel) -> None:
    open_ones = [future for future in futures if not future.done()]
    if open_ones:
        cancel(open_ones)
