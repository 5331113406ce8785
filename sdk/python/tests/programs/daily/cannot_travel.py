"""What cannot travel is told before anything is sent: what it is, by its name, and where it is used.

Prints:
    the global variable 'lock' of with_lock() is a _thread.lock
    the global variable 'database' of with_database() is a sqlite3.Connection
    the global variable 'log' of with_log() is a _io.TextIOWrapper
    the variable 'server' of serving.<locals>.serve() is a socket.socket
    the object of its method 'run', the attribute 'jobs' of this Job, the attribute 'mutex' of this Queue is a _thread.lock
    the default of the argument 'done' of until(), the attribute '_cond' of this Event, the attribute '_lock' of this Condition is a _thread.lock
    the global variable 'pool' of with_pool(), the attribute '_work_queue' of this ThreadPoolExecutor is a _queue.SimpleQueue
    the variable 'helper' of nested.<locals>.<lambda>(), the global variable 'lock' of with_lock() is a _thread.lock
    the global variable 'settings' of with_settings(), its item 'a', its item 1, its item 'deep' is a _thread.lock
    ValueError: ctypes objects containing pointers cannot be pickled
      raised when the function, the global variable 'pointer' of with_pointer() was pickled
    cannot send argument 2 of max(): it is a _thread.lock
    cannot send argument 'key' of sorted(): the global variable 'lock' of <lambda>() is a _thread.lock
    it is of the process that made it: send what its result() gives, or call both functions in one task
    it is of the process that made it: make one where it is used, with flamepy.Executor()
    it is of the process that made it: send its id, and open it there with flamepy.open_session(id)
    cannot send argument 1 of add(): it is a _thread.lock
    cannot send argument 1 of the call: it is a _thread.lock
    cannot send the result of the call: its item 0 is a socket.socket
    1
"""

import ctypes
import queue
import socket
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import flamepy

lock = threading.Lock()
database = sqlite3.connect(":memory:")
log = open(__file__)
pool = ThreadPoolExecutor()
settings = {"a": [1, {"deep": lock}]}
pointer = ctypes.pointer(ctypes.c_int(3))


def with_lock():
    with lock:
        return 1


def with_database():
    return database.execute("SELECT 1").fetchall()


def with_log():
    log.read()


def serving(server):
    def serve():
        return server.accept()

    return serve


class Job:
    def __init__(self):
        self.jobs = queue.Queue()

    def run(self):
        return self.jobs.get()


def until(done=threading.Event()):  # noqa: B008
    return done.is_set()


def with_pool():
    return pool.submit(len, "a").result()


def nested():
    helper = with_lock
    return lambda: helper()


def with_settings():
    return settings


def with_pointer():
    return pointer.contents.value


def opens():
    return [socket.socket()]


def locks_inside():
    with threading.Lock():
        return 1


class Adder:
    def add(self, n):
        return n


def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except TypeError as error:
        return str(error)
    raise AssertionError("it was sent")


with flamepy.Executor() as executor, socket.socket() as server:
    for function in (
        with_lock,
        with_database,
        with_log,
        serving(server),
        Job().run,
        until,
        with_pool,
        nested(),
        with_settings,
    ):
        text = refused(executor.submit, function)
        print(text.removeprefix("cannot send the function: ").split(", which")[0])
    try:
        executor.submit(with_pointer)
    except ValueError as error:
        print(f"ValueError: {error}\n  {error.__notes__[0]}")
    print(refused(executor.submit, max, 1, lock).split(", which")[0])
    sorting = refused(executor.submit, sorted, "ab", key=lambda _: lock)
    print(sorting.split(", which")[0])
    session = flamepy.create_session("flmrun", Adder())
    for thing in (executor.submit(len, "a"), executor, session):
        print(refused(executor.submit, str, thing).split("cannot be pickled (")[1][:-1])
    print(refused(session.add, lock).split(", which")[0])
    session.close()
    with flamepy.create_session("flmrun", len) as session:
        print(refused(session, lock).split(", which")[0])
    error = executor.submit(opens).exception()
    print(error.args[0].split(", which")[0])
    print(executor.submit(locks_inside).result())
log.close()
sys.stdout.flush()
