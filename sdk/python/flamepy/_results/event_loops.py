"""Waiting for tasks in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any


async def awaited(future: Future[Any]) -> Any:
    """Wait for a future, and return its result.

    Who is cancelled while it waits cancels the future, if its task does not run yet.
    """
    try:
        await ended(future)
    except asyncio.CancelledError:
        # It asks the session manager, for which a loop does not wait.
        asyncio.get_running_loop().run_in_executor(None, future.cancel)
        raise
    return future.result()


async def ended(future: Future[Any], timeout: float | None = None) -> None:
    """Wait until a future has ended; who is cancelled meanwhile leaves it as it is.

    Raises:
        TimeoutError: the time is over.
    """
    if future.done():
        return
    end = asyncio.Event()
    future.add_done_callback(_waker(asyncio.get_running_loop(), end.set))
    async with asyncio.timeout(timeout):
        await end.wait()


async def ends_of[F: Future[Any]](futures: list[F], timeout: float | None) -> AsyncIterator[F]:
    """Give futures as they end.

    Raises:
        TimeoutError: the time is over before all have ended.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Queue[F] = asyncio.Queue()
    for future in futures:
        future.add_done_callback(_waker(loop, partial(ended.put_nowait, future)))
    deadline = None if timeout is None else loop.time() + timeout
    for given in range(len(futures)):
        try:
            async with asyncio.timeout_at(deadline):
                future = await ended.get()
        except TimeoutError:
            text = f"{len(futures) - given} (of {len(futures)}) futures unfinished"
            raise TimeoutError(text) from None
        yield future


async def left(leave: Callable[..., object], *reason: Any) -> None:
    """Leave a block whose end has to wait; the loop goes on meanwhile."""
    await asyncio.to_thread(leave, *reason)


def _waker(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> Callable[[object], None]:
    """Return a callback of a future that only has its loop do something, and never waits."""

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits there any more.
            loop.call_soon_threadsafe(act)

    return wake
