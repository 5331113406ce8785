"""Turns at the terminal, so that a traceback is not torn by the lines that tasks print."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

#: Lines of tasks that wait for a terminal which takes nothing hold up a traceback for so long.
_TURN_SECONDS = 1.0

_turn = threading.RLock()


class _Hook:
    """Takes the place of ``sys.excepthook``: a traceback is many writes, made in one turn."""

    def __init__(self) -> None:
        self.is_installed = False
        self.has_the_last_word = False
        self._before = sys.excepthook

    def install(self) -> None:
        if not self.is_installed:
            self.is_installed = True
            self._before, sys.excepthook = sys.excepthook, self

    def __call__(
        self, kind: type[BaseException], error: BaseException, where: TracebackType | None
    ) -> Any:
        has_turn = _turn.acquire(timeout=_TURN_SECONDS)
        try:
            # Who pressed Ctrl-C wants no more lines, unless a prompt comes next.
            goes_on = hasattr(sys, "ps1") or sys.flags.inspect
            if issubclass(kind, KeyboardInterrupt) and not goes_on:
                self.has_the_last_word = True
            return self._before(kind, error, where)
        finally:
            if has_turn:
                _turn.release()


_hook = _Hook()


def keep_tracebacks_whole() -> None:
    """See that a traceback that ends the program waits for its turn; once for the process."""
    _hook.install()


@contextmanager
def terminal_turn() -> Iterator[bool]:
    """Hold the terminal for whole lines; False when the program was ended and is to say no more."""
    with _turn:
        yield not _hook.has_the_last_word
