"""concurrent.futures as with any executor: as_completed, wait, callbacks, timeouts, cancel.

Prints:
    [0, 1, 4]
    1 1
    FIRST_EXCEPTION True
    [7]
    TimeoutError
    TimeoutError
    True
    CancelledError
    [(0, 'a'), (1, 'b')]
    [3, 5]
    RuntimeError: cannot schedule new futures after shutdown
"""

import concurrent.futures
import threading
import time
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, wait

import flamepy


def square(n):
    return n * n


def fails():
    raise ValueError("on purpose")


def paired(a, b):
    return a, b


with flamepy.Executor() as executor:
    futures = {executor.submit(square, n): n for n in range(3)}
    print(sorted(future.result() for future in as_completed(futures)))
    slow, fast = executor.submit(time.sleep, 2), executor.submit(square, 2)
    done, not_done = wait([slow, fast], return_when=FIRST_COMPLETED)
    print(len(done), len(not_done))
    futures = [executor.submit(fails), executor.submit(time.sleep, 1)]
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    print(FIRST_EXCEPTION, any(future.exception() for future in done))
    called, seen = threading.Event(), []
    future = executor.submit(int, "7")
    future.add_done_callback(lambda ended: (seen.append(ended.result()), called.set()))
    called.wait(10)
    print(seen)
    try:
        executor.submit(time.sleep, 1).result(timeout=0.05)
    except TimeoutError as error:
        print(type(error).__name__)
    try:
        list(executor.map(time.sleep, [1], timeout=0.05))
    except concurrent.futures.TimeoutError as error:
        print(type(error).__name__)
with flamepy.Executor(max_workers=1) as executor:
    running = executor.submit(time.sleep, 1)
    waiting = executor.submit(square, 1)
    print(waiting.cancel())
    try:
        waiting.result()
    except concurrent.futures.CancelledError as error:
        print(type(error).__name__)
with flamepy.Executor() as executor:
    print(list(executor.map(paired, range(5), "ab")))
    print(list(executor.map(pow, [3, 5], [1, 1], chunksize=2)))
try:
    executor.submit(square, 1)
except RuntimeError as error:
    print(f"RuntimeError: {error}")
