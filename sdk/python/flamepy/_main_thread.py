"""The main thread of a service process, which runs what user code there is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue

from flamepy._end_signals import EndSignals

_log = logging.getLogger("flamepy")


class MainThread:
    """Runs calls of other threads in the thread that serves, one at a time and in order.

    User code so finds what it finds in a program of its own: signals can be handled, there is an
    event loop to get, and what it forks begins in the main thread.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._signals: EndSignals | None = None
        self._ended = False
        self.busy = False

    def run[T](self, call: Callable[[], T]) -> T:
        """Run ``call`` in the thread that serves, and wait for what it gives."""
        done: Future[T] = Future()

        def run_there() -> None:
            try:
                done.set_result(call())
            except BaseException as error:  # It belongs to whoever waits.
                done.set_exception(error)

        self._calls.put(run_there)
        if self._ended:
            self._run_what_is_left()
        return done.result()

    def end_with(self, ended: Callable[[], None]) -> None:
        """Call ``ended`` in a thread of its own when SIGTERM or SIGINT asks the process to end.

        Only the main thread of the process can be told; elsewhere this does nothing.
        """
        if threading.current_thread() is threading.main_thread():
            self._signals = EndSignals(ended)
            self._signals.install()

    def serve(self) -> None:
        """Run what comes until :meth:`end` is called."""
        while not self._ended:
            try:
                self._serve_one()
            except BaseException:
                # Such as an alarm that an earlier call set and left.
                _log.exception("a signal handler raised outside of the call that installed it")
            self.busy = False
        self._run_what_is_left()

    def end(self) -> None:
        """Let :meth:`serve` return when what was called before has ended."""
        self._calls.put(None)

    def _serve_one(self) -> None:
        call = self._calls.get()
        if call is None:
            self._ended = True
            return
        self.busy = True
        call()
        if self._signals is not None:
            self._signals.renew()

    def _run_what_is_left(self) -> None:
        """Run calls that came after the end: they are given up, and whoever waits is told."""
        with suppress(Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None:
                    call()
