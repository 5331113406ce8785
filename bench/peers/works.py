"""What is asked of every peer, and how long it takes."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol


def add(a: int, b: int) -> int:
    return a + b


def echo(data: bytes) -> bytes:
    return data


class Adder:
    """What an actor is made of."""

    def add(self, a: int, b: int) -> int:
        return a + b


class Calls(Protocol):
    """Functions that run in other processes."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Begins a call; gives a handle of its result."""

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        """The results of calls, in their order."""


class Objects(Protocol):
    """Bytes that are kept by the peer."""

    def put(self, value: bytes) -> Any:
        """Keeps bytes; gives a reference."""

    def get(self, reference: Any) -> bytes:
        """The bytes of a reference."""


def seconds_of(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def expect(got: Any, expected: Any) -> None:
    if got != expected:
        raise SystemExit(f"a call gave {str(got)[:100]}, expected {str(expected)[:100]}")


def serial(calls: Calls, count: int) -> list[float]:
    """Milliseconds of one call after the other, each with its result."""

    def one() -> None:
        expect(list(calls.results([calls.submit(add, 1, 2)])), [3])

    for _ in range(20):
        one()
    return [1000 * seconds_of(one) for _ in range(count)]


def all_at_once(calls: Calls, count: int) -> float:
    """Calls per second: all submitted, then all results."""

    def work() -> None:
        results = calls.results([calls.submit(add, i, 2) for i in range(count)])
        expect(list(results), [i + 2 for i in range(count)])

    expect(list(calls.results([calls.submit(add, i, 2) for i in range(100)]))[99], 101)
    return count / seconds_of(work)


def with_bytes(calls: Calls, count: int, size: int) -> float:
    """Calls per second that take random bytes and give them back: all submitted, then all results."""
    values = [os.urandom(size) for _ in range(count)]

    def work() -> None:
        got = list(calls.results([calls.submit(echo, value) for value in values]))
        expect(got == values, True)

    expect(list(calls.results([calls.submit(echo, b"warm")])), [b"warm"])
    return count / seconds_of(work)


def bytes_both_ways(calls: Calls, sizes: dict[str, int], name: str = "") -> dict[str, float]:
    return {
        f"{name}args_1k": with_bytes(calls, sizes["args_1k"], 1_000),
        f"{name}args_100k": with_bytes(calls, sizes["args_100k"], 100_000),
    }


def kept(objects: Objects, count: int, size: int) -> tuple[float, float]:
    """Seconds for putting random bytes one after the other, and for getting them."""
    values = [os.urandom(size) for _ in range(count)]
    expect(objects.get(objects.put(b"warm")), b"warm")
    references: list[Any] = []
    got: list[bytes] = []
    put = seconds_of(lambda: references.extend(objects.put(value) for value in values))
    get = seconds_of(lambda: got.extend(objects.get(reference) for reference in references))
    expect(got == values, True)
    return put, get


def objects_of_both_sizes(objects: Objects, sizes: dict[str, int]) -> dict[str, float]:
    large, small, large_bytes = sizes["objects_64m"], sizes["objects_small"], 64 << 20
    put, get = kept(objects, large, large_bytes)
    put_small, get_small = kept(objects, small, 100)
    megabytes = large * large_bytes / 1e6
    return {
        "put_64m": megabytes / put,
        "get_64m": megabytes / get,
        "put_small": small / put_small,
        "get_small": small / get_small,
    }
