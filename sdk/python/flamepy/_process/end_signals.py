"""SIGTERM and SIGINT of a service process, told to a thread of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: With what Python does about each in a program that says nothing.
_USUAL: dict[signal.Signals, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}


class EndSignals:
    """Calls ``ended`` once, in a thread of its own, when the process is asked to end.

    The main thread runs user code, which may be in C for minutes, so a handler alone would come too
    late: Python writes the signal to a pipe as soon as it arrives (``signal.set_wakeup_fd``), and
    the thread reads it there. The handler writes there as well, for user code may take the pipe
    away, as asyncio does. Neither takes a lock: launchers such as ``uv run`` hand on the signal
    that the group has had already, so a second one is the rule, and it may come at any point.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._told, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        self._forking = threading.local()

    def install(self) -> None:
        """Begin; only in the main thread."""
        for number in _USUAL:
            signal.signal(number, self._note)
        self.renew()
        os.register_at_fork(
            before=self._block,
            after_in_parent=self._unblock,
            after_in_child=self._forget,
        )
        threading.Thread(target=self._watch, name="flamepy-signals", daemon=True).start()

    def renew(self) -> None:
        """Undo that user code gave the signals back to Python; what it has of its own stays."""
        for number, usual in _USUAL.items():
            if signal.getsignal(number) == usual:
                signal.signal(number, self._note)
        before = signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        if before not in (-1, self._tell):
            signal.set_wakeup_fd(before)

    def _note(self, number: int, _: object) -> None:
        with suppress(OSError):
            os.write(self._tell, bytes([number]))

    def _watch(self) -> None:
        while _USUAL.keys().isdisjoint(os.read(self._told, 4096)):
            pass
        self._ended()

    # The pipe is shared with forked children, and those are ended by SIGTERM every day (by
    # multiprocessing.Pool, for example): one that a child gets before it has put this aside must
    # not end its parent.

    def _block(self) -> None:
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        signal.pthread_sigmask(signal.SIG_BLOCK, _USUAL)

    def _unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _forget(self) -> None:
        before = signal.set_wakeup_fd(-1)
        if before not in (-1, self._tell):
            signal.set_wakeup_fd(before)
        for number, usual in _USUAL.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, usual)
        os.close(self._told)
        os.close(self._tell)
        self._unblock()
