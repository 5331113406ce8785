"""What an executor has under way, and how its session ends, also when nobody has it any more."""

from __future__ import annotations

import atexit
import concurrent.futures
import logging
import os
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from flamepy._model.errors import FlameError
from flamepy._process.later import when_dropped
from flamepy._sessions.futures import TaskFuture
from flamepy._sessions.session import Session

if TYPE_CHECKING:
    from flamepy._calls.executor import Executor

#: What the end of a program may take for closing the sessions of its executors.
_EXIT_SECONDS = 2.0
_log = logging.getLogger("flamepy")


class ExecutorWork:
    """The session of an executor and its futures; does not refer to the executor.

    Attributes:
        session: the session.
        futures: those that have not ended, and those that somebody has still.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.futures: weakref.WeakSet[TaskFuture] = weakref.WeakSet()
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._is_closed = False

    def finish(self) -> None:
        """Wait until all calls have ended, and close the session. Nothing may be added meanwhile.

        Raises:
            FlameError: the session manager does not answer, or the session is gone.
        """
        concurrent.futures.wait(list(self.futures))
        with self._closing:
            if not self._is_closed:
                self.session.close()
                self._is_closed = True

    def abandon(self) -> None:
        """Cancel all calls, those that run too, and close the session without waiting for them."""
        with self._closing:
            if not self._is_closed:
                self.session._abandon()
                self._is_closed = True

    def finish_meanwhile(self) -> None:
        """Do the same in a thread that keeps no program from ending."""
        threading.Thread(target=self._finish_quietly, name="flamepy-executor", daemon=True).start()

    def close_if_idle(self, seconds: float) -> None:
        """Close the session at the end of the program, unless something is under way in it."""
        if self._process != os.getpid() or self._is_closed:
            return
        with suppress(FlameError, RuntimeError):  # The latter: a thread still submits.
            if all(one.done() for one in list(self.futures)):
                self.session.connection.close_session(self.session.id, seconds=seconds)

    def _finish_quietly(self) -> None:
        try:
            self.finish()
        except FlameError as error:
            _log.warning("session %s of an executor stays open: %s", self.session.id, error.message)


#: What may have to be closed at the end of the program.
_works: weakref.WeakSet[ExecutorWork] = weakref.WeakSet()


def close_when_dropped(executor: Executor, work: ExecutorWork) -> None:
    """Have the session closed when nobody has the executor any more and its calls have ended."""
    _works.add(work)
    when_dropped(executor, work.finish_meanwhile)


@atexit.register
def _close_idle() -> None:
    deadline = time.monotonic() + _EXIT_SECONDS
    for work in list(_works):
        left = deadline - time.monotonic()
        if left > 0:
            work.close_if_idle(left)
