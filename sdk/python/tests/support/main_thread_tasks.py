"""What tasks do that only works in a main thread, or in a process that can be forked."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def handle_a_signal() -> str:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.signal(signal.SIGALRM, before)
    return "ok"


def get_an_event_loop() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.get_event_loop()
    return "ok"


async def await_something() -> str:
    await asyncio.sleep(0)
    return "ok"


def fork_and_run(times: int) -> list[int]:
    codes = []
    for _ in range(times):
        child = os.fork()
        if child == 0:
            os._exit(5)
        codes.append(exit_code(child))
        codes.append(subprocess.run(["true"], preexec_fn=os.setsid).returncode)
    return codes


def pool(n: int) -> list[int]:
    with get_context("fork").Pool(2) as workers:
        return workers.map(abs, range(n))


def executor(n: int) -> list[int]:
    with ProcessPoolExecutor(2, get_context("fork")) as workers:
        return list(workers.map(abs, range(n)))


class Pair:
    def __init__(self, first: int, second: int) -> None:
        self.values = first, second


def double(n: int) -> Pair:
    return Pair(n, n * 2)


def pool_of_own_functions(method: str) -> list[tuple[int, int]]:
    with get_context(method).Pool(2) as workers:
        return [pair.values for pair in workers.map(double, range(3))]


def come_back_in_child(how: str) -> int:
    child = os.fork()
    if child:
        return exit_code(child)
    if how == "exit":
        sys.exit(7)
    if how == "text":
        sys.exit("a text")
    if how == "raise":
        raise ValueError("in the child")
    return 0


async def exit_in_child_later(_: str) -> int:
    await asyncio.sleep(0)
    child = os.fork()
    if child:
        return exit_code(child)
    sys.exit(7)


def use_flamepy_in_child(method: str) -> str:
    import flamepy

    flamepy.put_object("app/ssn", 1)
    with get_context(method).Pool(1) as workers:
        try:
            ref = workers.apply(flamepy.put_object, ("app/ssn", 2))
        except flamepy.FlameError as error:
            return error.message
    return f"put {ref.get()}"


def use_connection_in_child() -> int:
    import flamepy

    child = os.fork()
    if child:
        return exit_code(child)
    try:
        flamepy.list_sessions()
    except flamepy.FlameError as error:
        os._exit(3 if "was forked from process" in error.message else 4)
    os._exit(5)


def terminate_children(times: int) -> list[int]:
    codes = []
    for _ in range(times):
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(child, signal.SIGTERM)
        codes.append(exit_code(child))
    return codes


def leave_an_alarm() -> str:
    def ring(*_: object) -> None:
        raise TimeoutError("too late")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    return "ok"


async def have_the_signals() -> str:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: None)
    loop.remove_signal_handler(signal.SIGTERM)
    return "ok"


def compute_without_python() -> None:
    print("computing", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def sleep_on_a_lock() -> None:
    print("locked", flush=True)
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
