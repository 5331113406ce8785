"""A program in a terminal, whose tasks print, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

import flamepy
from flamepy import SessionState
from tests.support.programs import SDK
from tests.support.real_cluster import RealCluster
from tests.support.wait import wait_for

SECONDS = 30.0
CTRL_C = b"\x03"
LINE = "line of a task " + "x" * 60
#: What terminals add to a line.
END = "\r\n"
TASK_LINE = re.compile(rf"\([0-9a-f]{{8}}( task \d+)?\) ({LINE}|\.\.\. [\d,]+ lines? left out|)")

#: A task that prints until it is ended, faster than a terminal shows it.
LOUD = f"""
import flamepy, time
def loud(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        print("{LINE}", flush=True)
"""
#: One that prints and rests.
QUIET = f"""
import flamepy, time
def quiet(seconds):
    print("{LINE}", flush=True)
    time.sleep(seconds)
"""
#: What is pending would be cancelled.
CLOSED_WHILE_IT_RUNS = """
with flamepy.create_session("flmrun", loud) as session:
    future = session.submit(600)
    while not future.running():
        time.sleep(0.01)
"""


class Terminal:
    """A program of Python in a terminal of its own, which echoes nothing and loses nothing."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self._ours, self._theirs = pty.openpty()
        settings = termios.tcgetattr(self._theirs)
        # Ctrl-C would drop what is on its way, in the middle of a line.
        settings[3] = (settings[3] & ~termios.ECHO) | termios.NOFLSH
        termios.tcsetattr(self._theirs, termios.TCSANOW, settings)
        # The first terminal that the first process of a session opens is the one that signals it.
        opening = 'exec "$@" <"$0" >"$0" 2>&1'
        self._process = subprocess.Popen(
            ["sh", "-c", opening, os.ttyname(self._theirs), sys.executable, *arguments],
            env=environment,
            start_new_session=True,
        )
        self._shown = b""

    @property
    def text(self) -> str:
        """All that it has shown so far."""
        return self._shown.decode()

    def press(self, keys: bytes) -> None:
        """Type on its keyboard."""
        os.write(self._ours, keys)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Show what comes, until this has come so often."""
        deadline = time.monotonic() + SECONDS
        while self.text.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} is not in {self.text!r}"
            assert self._show() or self._process.poll() is None, self.text

    def await_end(self) -> int:
        """Show the rest. Returns the exit code; -2 for SIGINT."""
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"the program goes on: {self.text[-2000:]!r}"
            self._show()
        while self._show():
            pass
        return self._process.returncode

    def close(self) -> None:
        """End the program if need be."""
        self._process.kill()
        self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def _show(self) -> bool:
        """Show what has come by now."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return False
        self._shown += os.read(self._ours, 65536)
        return True


@contextmanager
def terminal(real: RealCluster, program: str, *options: str) -> Iterator[Terminal]:
    environment = {**os.environ, **real.client_environment, "PYTHONPATH": SDK, "TERM": "dumb"}
    shown = Terminal(["-X", "dev", *options, "-c", program], environment)
    try:
        yield shown
    finally:
        shown.close()


@pytest.mark.parametrize(
    ("program", "ends_tasks"),
    [
        (QUIET + 'with flamepy.create_session("flmrun", quiet) as s: s(600)', True),
        (LOUD + 'with flamepy.create_session("flmrun", loud) as s: s(600)', True),
        (LOUD + 'with flamepy.create_session("flmrun", loud) as s: list(s.map([600] * 5))', True),
        (LOUD + "with flamepy.Executor() as e: list(e.map(loud, [600] * 5))", True),
        (LOUD + "with flamepy.Executor() as e: e.submit(loud, 600)", True),
        (LOUD + CLOSED_WHILE_IT_RUNS, True),
        # What nobody closes goes on, its client does not.
        (LOUD + 's = flamepy.create_session("flmrun", loud); s(5)', False),
    ],
    ids=["quiet", "loud", "map", "executor", "its exit", "exit", "unclosed"],
)
def test_ctrl_c_ends_a_program_whose_tasks_print(
    real: RealCluster, program: str, ends_tasks: bool
) -> None:
    before = {session.id for session in flamepy.list_sessions()}
    with terminal(real, program) as shown:
        shown.wait_for(LINE)
        began = time.monotonic()
        shown.press(CTRL_C)
        assert shown.await_end() == -signal.SIGINT, shown.text[-2000:]
        took = time.monotonic() - began
    assert took < 10
    lines, _, traceback = shown.text.partition("Traceback (most recent call last):" + END)
    assert [line for line in lines.split(END) if not TASK_LINE.fullmatch(line) and line] == []
    assert lines.endswith(END)
    # Nothing stands within it or behind it: no line of a task, and nothing of a thread.
    frame = r'  File ".*", line \d+, in .*\r\n(    .*\r\n)*'
    assert re.fullmatch(rf"({frame})+KeyboardInterrupt\r\n", traceback), traceback
    if ends_tasks:
        [ours] = [one for one in flamepy.list_sessions() if one.id not in before]
        wait_for(
            lambda: flamepy.get_session(ours.id).state is SessionState.CLOSED,
            "the session to be closed",
            SECONDS,
        )


def test_a_prompt_shows_lines_of_tasks_after_ctrl_c(real: RealCluster) -> None:
    program = QUIET + 's = flamepy.create_session("flmrun", quiet); s(600)'
    with terminal(real, program, "-i") as shown:
        shown.wait_for(LINE)
        shown.press(CTRL_C)
        shown.wait_for("KeyboardInterrupt")
        shown.press(b"s.cancel(), s(0), print('all', 'done')\n")
        shown.wait_for("all done")
        shown.wait_for(LINE, times=2)
        shown.press(b"s.close(), exit()\n")
        assert shown.await_end() == 0
