"""The main thread of a service process, which runs what user code there is."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from flamepy._process.end_signals import EndSignals

_log = logging.getLogger("flamepy")


class Source(Protocol):
    """Where what is to be done comes from, besides the calls of other threads."""

    def fileno(self) -> int:
        """Return what can be read when there is something to do."""

    def work(self) -> bool:
        """Do it; False when nothing more will come."""

    def close(self) -> None:
        """End it."""


class MainThread:
    """Runs calls of other threads in the thread that serves, one at a time and in order.

    User code so finds what it finds in a program of its own: signals can be handled, there is an
    event loop to get, and what it forks begins in the main thread.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._signals: EndSignals | None = None
        self._ended = False
        self._source: Source | None = None
        self._poll = select.poll()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._poll.register(self._woken, select.POLLIN)
        self.busy = False
        #: Set when :meth:`serve` has done all that it will.
        self.ended = threading.Event()

    def run[T](self, call: Callable[[], T]) -> T:
        """Run ``call`` in the thread that serves, and wait for what it gives."""
        done: Future[T] = Future()

        def run_there() -> None:
            try:
                done.set_result(call())
            except BaseException as error:  # It belongs to whoever waits.
                done.set_exception(error)

        self._put(run_there)
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

    def serve(self, source: Source | None = None) -> None:
        """Run what comes until :meth:`end` is called, or ``source`` is over."""
        self._source = source
        if source is not None:
            self._poll.register(source, select.POLLIN)
        while not self._ended:
            try:
                self._serve_one()
            except BaseException:
                # Such as an alarm that an earlier call set and left.
                _log.exception("a signal handler raised outside of the call that installed it")
            self.busy = False
        self.ended.set()
        self._run_what_is_left()
        if source is not None:
            source.close()

    def end(self) -> None:
        """Let :meth:`serve` return when what was called before has ended."""
        self._put(None)

    def _put(self, call: Callable[[], None] | None) -> None:
        self._calls.put(call)
        with suppress(BlockingIOError):  # It wakes up anyway.
            os.write(self._waker, b"\0")

    def _serve_one(self) -> None:
        call = self._next()
        if call is None:
            self._ended = True
            return
        self.busy = True
        call()
        if self._signals is not None:
            self._signals.renew()

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do; None when asked to end."""
        source = self._source
        if source is None:
            return self._calls.get()
        while True:
            if not self._calls.empty():
                with suppress(Empty):
                    return self._calls.get_nowait()
            ready = [file for file, _ in self._poll.poll()]
            if self._woken in ready:
                os.read(self._woken, 4096)
            else:
                return self._attend

    def _attend(self) -> None:
        source = self._source
        assert source is not None
        goes_on = False
        try:
            goes_on = source.work()
        finally:
            if not goes_on:
                self._ended = True

    def _run_what_is_left(self) -> None:
        """Run calls that came after the end: they are given up, and whoever waits is told."""
        with suppress(Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None:
                    call()
