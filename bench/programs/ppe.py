"""Calls per second of a ProcessPoolExecutor with two processes: what Python itself has to offer."""

import json
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def add(a: int, b: int) -> int:
    return a + b


def main() -> None:
    count = int(sys.argv[1])
    with ProcessPoolExecutor(2) as pool:
        for future in [pool.submit(add, i, 2) for i in range(100)]:
            future.result()
        begun = time.perf_counter()
        futures = [pool.submit(add, i, 2) for i in range(count)]
        for i, future in enumerate(futures):
            assert future.result() == i + 2
        seconds = time.perf_counter() - begun
    print(json.dumps({"rate": count / seconds, "python": platform.python_version()}))


if __name__ == "__main__":
    main()
