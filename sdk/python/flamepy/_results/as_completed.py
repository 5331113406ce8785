"""Futures in the order in which they end."""

from __future__ import annotations

import concurrent.futures
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from flamepy._names.public import public


class AsCompleted[F: Future[Any]]:
    """Gives futures as they end, in both kinds of loops."""

    def __init__(self, futures: Iterable[F], timeout: float | None) -> None:
        self._futures = list(dict.fromkeys(futures))
        self._timeout = timeout

    def __iter__(self) -> Iterator[F]:
        ended: Any = concurrent.futures.as_completed(self._futures, self._timeout)
        return iter(ended)

    def __aiter__(self) -> AsyncIterator[F]:
        from flamepy._results.event_loops import ends_of  # Few need it.

        return ends_of(self._futures, self._timeout)


@public("flamepy.core.client")
def as_completed[F: Future[Any]](
    futures: Iterable[F], timeout: float | None = None
) -> AsCompleted[F]:
    """Return what gives futures as they end, in a ``for`` or in an ``async for``; each comes once.

    Args:
        futures: what ``submit`` and ``run`` gave.
        timeout: seconds from the begin of the loop, after which it raises ``TimeoutError``; None
            for no limit.
    """
    return AsCompleted(futures, timeout)
