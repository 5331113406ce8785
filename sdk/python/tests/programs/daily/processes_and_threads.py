"""multiprocessing, threads and subprocesses within a task, and a process pool around an executor.

Prints:
    [0, 1, 4]
    [0, 1, 4]
    [0, 1, 4]
    [0, 1, 4]
    10
    hello from a child
    5 ['a', 'b']
    True
    fork
    3 7
"""

import concurrent.futures
import multiprocessing
import queue
import subprocess
import sys
import threading

import flamepy


def square(n):
    return n * n


def in_pool(kind):
    with multiprocessing.get_context(kind).Pool(2) as pool:
        return pool.map(square, range(3))


def in_futures():
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        return list(pool.map(square, range(3)))


def in_threads():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(square, range(3)))


def shared():
    total = multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=added, args=(total, n)) for n in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return total.value


def added(total, n):
    with total.get_lock():
        total.value += n


def of_child():
    code = "print('hello from a child')"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def of_queue():
    items = queue.Queue()
    worker = threading.Thread(target=lambda: [items.put(letter) for letter in "ab"])
    worker.start()
    worker.join()
    return sum([2, 3]), [items.get(), items.get()]


def is_main():
    return threading.current_thread() is threading.main_thread()


def waits_for_child():
    return subprocess.run(["sh", "-c", "exit 3"]).returncode


with flamepy.Executor() as executor:
    print(executor.submit(in_pool, "fork").result())
    print(executor.submit(in_pool, "spawn").result())
    print(executor.submit(in_futures).result())
    print(executor.submit(in_threads).result())
    print(executor.submit(shared).result())
    print(executor.submit(of_child).result())
    print(*executor.submit(of_queue).result())
    print(executor.submit(is_main).result())
    print(executor.submit(multiprocessing.get_start_method).result())
    with concurrent.futures.ThreadPoolExecutor() as threads:
        sums = [threads.submit(lambda n=n: executor.submit(sum, [n, 2]).result()) for n in (1, 5)]
        print(*[each.result() for each in sums])
