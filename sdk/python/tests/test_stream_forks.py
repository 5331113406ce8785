"""Tasks by a stream, and processes that begin in one that has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.programs import SDK, run_program
from tests.support.real_cluster import RealCluster

SECONDS = 60

_FORKS = """
import os, sys, time, flamepy
session = flamepy.create_session("flmping")
assert session.invoke(b"{}") is not None
future = session.run(b'{"duration": 2000, "memory": null}')
child = os.fork()
if child == 0:
    said = []
    for use in (lambda: session.run(b"{}"), lambda: future.result(), flamepy.list_sessions,
                lambda: session.invoke(b"{}"), lambda: future.add_done_callback(print)):
        try:
            use()
            said.append("worked")
        except flamepy.FlameError as error:
            said.append("spawn" in error.message)
    said.append(future.cancel())
    print(said, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(future.result() is not None, session.invoke(b"{}") is not None)
session.close()
"""


def test_a_forked_child_is_told_why_it_cannot_use_it_and_the_parent_goes_on(
    real: RealCluster,
) -> None:
    done = run_program(real, _FORKS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{[True] * 5 + [False]}\nTrue True\n"


_LOCKS = """
import os, signal, threading, flamepy
connection = flamepy.connect(os.environ["FLAME_ENDPOINT"])
session = connection.create_session(flamepy.SessionAttributes("flmping"))
ended, future = session.run(b"{}"), session.run(b'{"duration": 2000, "memory": null}')
assert ended.result() is not None
held, forked = threading.Event(), threading.Event()

def hold():
    with connection.stream._lock, ended._condition, future._condition, future._settling:
        held.set()
        forked.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)  # It would wait forever.
    said = [ended.done(), ended.result() is not None, future.done(), future.running()]
    for use in (session.close, session.cancel, lambda: session.run(b"x"), lambda: future.result()):
        try:
            use()
            said.append("worked")
        except flamepy.FlameError as error:
            said.append("spawn" in error.message)
    connection.close()
    print(said, flush=True)
    os._exit(0)
forked.set()
assert os.waitpid(child, 0)[1] == 0
assert future.result() is not None
session.close()
connection.close()
"""


def test_a_child_hangs_on_no_lock_that_a_thread_of_its_parent_held(real: RealCluster) -> None:
    done = run_program(real, _LOCKS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{[True, True, False, False] + [True] * 4}\n"


_PROCESSES = """
import flamepy, multiprocessing

def use(endpoint):
    with flamepy.create_session("flmping") as session:
        return session.invoke(b"{}") is not None

if __name__ == "__main__":
    print(use(None))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(use, [None] * 4))
"""


def test_processes_that_are_started_anew_use_it_on_their_own(
    real: RealCluster, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(_PROCESSES)
    done = subprocess.run(
        [sys.executable, program],
        env={"PYTHONPATH": SDK, **real.client_environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"True\n{[True] * 4}\n"), done.stderr
