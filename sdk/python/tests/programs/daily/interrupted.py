"""Ctrl-C while a long task runs: the program ends at once, and the task with it.

Prints:
    the task runs
    KeyboardInterrupt within 5 s: True
    session CLOSED, task FAILED
    next 3
"""

import os
import signal
import threading
import time

import flamepy


def slow(seconds):
    time.sleep(seconds)


def press_when_running(future):
    while not future.running():
        time.sleep(0.01)
    print("the task runs", flush=True)
    os.kill(os.getpid(), signal.SIGINT)


began = time.monotonic()
try:
    with flamepy.create_session("flmrun", slow) as session:
        future = session.submit(600)
        threading.Thread(target=press_when_running, args=(future,)).start()
        future.result()
except KeyboardInterrupt as error:
    print(type(error).__name__, "within 5 s:", time.monotonic() - began < 5)
while flamepy.get_session(session.id).state is not flamepy.SessionState.CLOSED:
    time.sleep(0.01)
task = session.get_task(future.task_id)
print("session", flamepy.get_session(session.id).state.name + ", task", task.state.name)
with flamepy.Executor() as executor:
    print("next", executor.submit(len, "abc").result())
