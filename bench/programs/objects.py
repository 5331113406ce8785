"""What a Python client measures of an object cache, as one line of JSON; told by its arguments.

large WAY COUNT SIZE     megabytes per second, put, and got by a second process; WAY is shared, flight, or unsynced: as shared,
                         without waiting for the disk
small IN_FLIGHT COUNT    objects per second, put and got by so many threads
rss SIZE                 this process's memory above one object and what it had before, in bytes, put and got
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flamepy
from flamepy import ObjectRef
from flamepy._objects import shared

prefix = "flmrun/bench"
small_bytes = 100


def seconds_of(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def without_shared_folder() -> None:
    """Has everything go through Arrow Flight, as from another host."""
    shared.Shares.of = lambda *_: None  # type: ignore[method-assign]


def in_another_process(*args: str | int) -> dict[str, Any]:
    """What a client tells that did not put the objects: this one may hold them."""
    command = [sys.executable, __file__, *map(str, args)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def large(way: str, count: int, size: int) -> dict[str, float]:
    """Megabytes per second, one object after the other."""
    values = [os.urandom(size) for _ in range(count)]
    refs: list[ObjectRef] = []

    def put_one(value: bytes) -> ObjectRef:
        return flamepy.put_object(prefix, value, durable=way != "unsynced")

    put_one(values[0])
    put = seconds_of(lambda: refs.extend(map(put_one, values)))
    got = in_another_process("large-gets", way, size, *(ref.encode().hex() for ref in refs))
    flamepy.cache.delete_objects(prefix)
    megabytes = count * size / 1e6
    return {"put": megabytes / put, "get": megabytes / got["seconds"]}


def large_gets(size: int, refs: list[ObjectRef]) -> dict[str, float]:
    # Another one: what this client has got once, it need not get again.
    flamepy.get_object(flamepy.put_object(prefix, os.urandom(size)))

    def work() -> None:
        for ref in refs:
            assert len(flamepy.get_object(ref)) == size

    return {"seconds": seconds_of(work)}


def small(in_flight: int, count: int) -> dict[str, float]:
    """Objects per second."""
    values = [os.urandom(small_bytes) for _ in range(count)]
    refs: list[ObjectRef] = []
    flamepy.put_object(prefix, b"connected")
    with ThreadPoolExecutor(in_flight) as threads:
        put = seconds_of(
            lambda: refs.extend(threads.map(lambda value: flamepy.put_object(prefix, value), values))
        )
    encoded = (ref.encode().hex() for ref in refs)
    got = in_another_process("small-gets", in_flight, *encoded)
    flamepy.cache.delete_objects(prefix)
    return {"put": count / put, "get": count / got["seconds"]}


def small_gets(in_flight: int, refs: list[ObjectRef]) -> dict[str, float]:
    flamepy.put_object(prefix, b"connected")
    with ThreadPoolExecutor(in_flight) as threads:

        def work() -> None:
            for value in threads.map(flamepy.get_object, refs):
                assert len(value) == small_bytes

        return {"seconds": seconds_of(work)}


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise SystemExit("this system does not tell the most memory that a process has had")


def rss(size: int) -> dict[str, float]:
    """Bytes above the object itself and what a client has that is connected."""
    flamepy.put_object(prefix, b"connected")
    before = peak()
    value = bytes(size)
    # Each page is there before it is put.
    value = value.replace(b"\0", b"\1")
    ref = flamepy.put_object(prefix, value)
    put = peak() - before - size
    got = in_another_process("rss-get", size, ref.encode().hex())
    flamepy.cache.delete_objects(prefix)
    return {"put": put, "get": got["get"]}


def rss_get(size: int, ref: ObjectRef) -> dict[str, float]:
    flamepy.put_object(prefix, b"connected")
    before = peak()
    assert len(flamepy.get_object(ref)) == size
    return {"get": peak() - before - size}


def refs_of(encoded: list[str]) -> list[ObjectRef]:
    return [ObjectRef.decode(bytes.fromhex(one)) for one in encoded]


def main() -> dict[str, float]:
    what, *given = sys.argv[1:]
    if what in ("large", "large-gets") and given[0] == "flight":
        without_shared_folder()
    if what == "large":
        return large(given[0], int(given[1]), int(given[2]))
    if what == "large-gets":
        return large_gets(int(given[1]), refs_of(given[2:]))
    if what == "small":
        return small(int(given[0]), int(given[1]))
    if what == "small-gets":
        return small_gets(int(given[0]), refs_of(given[1:]))
    if what == "rss":
        return rss(int(given[0]))
    if what == "rss-get":
        return rss_get(int(given[0]), refs_of(given[1:])[0])
    raise SystemExit(f"no such work: {what}")


if __name__ == "__main__":
    print(json.dumps(main()))
