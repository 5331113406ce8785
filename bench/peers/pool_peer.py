"""The ProcessPoolExecutor of the Python at hand, with two processes."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import works


class PoolCalls:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._pool.submit(function, *args)

    def results(self, handles: Sequence[Future[Any]]) -> Iterable[Any]:
        return [handle.result() for handle in handles]


def measure(_folder: str, sizes: dict[str, int]) -> dict[str, Any]:
    with ProcessPoolExecutor(2) as pool:
        calls = PoolCalls(pool)
        return {"sync": works.serial(calls, sizes["serial"]), **works.bytes_both_ways(calls, sizes)}
