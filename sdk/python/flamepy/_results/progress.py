"""Showing how far a map is: a bar of tqdm where that is installed, else one line."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Iterable, Sized
from typing import Any, Protocol

from flamepy._results.results import Results

_REDRAW_SECONDS = 0.1


class _Bar(Protocol):
    def update(self) -> Any:
        """One more is done."""

    def close(self) -> Any:
        """No more will be."""


def total_of(iterables: Iterable[Iterable[Any]]) -> int | None:
    """Return how many calls a map makes at most; None when no iterable says."""
    return min((len(each) for each in iterables if isinstance(each, Sized)), default=None)


class ShownResults(Results):
    """The same results; shows on stderr how many were read.

    Args:
        results: gives them.
        total: how many there are; None when nobody knows.
    """

    def __init__(self, results: Results, total: int | None) -> None:
        self._results = results
        self._bar = _bar(total)
        self._end = weakref.finalize(self, self._bar.close)
        self._end.atexit = False

    def __next__(self) -> Any:
        try:
            result = next(self._results)
        except BaseException:
            self._end()
            raise
        self._bar.update()
        return result

    async def __anext__(self) -> Any:
        try:
            result = await anext(self._results)
        except BaseException:
            self._end()
            raise
        self._bar.update()
        return result

    def close(self) -> None:
        self._end()
        self._results.close()


def _bar(total: int | None) -> _Bar:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Line(total)
    bar: _Bar = tqdm(total=total)
    return bar


class _Line:
    """One line, which a terminal shows anew as it grows; others get it at the end."""

    def __init__(self, total: int | None) -> None:
        self._of = "" if total is None else f" of {total}"
        self._done = 0
        self._began = time.monotonic()
        self._drawn = self._began
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def update(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._is_terminal and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._write("\r", "")

    def close(self) -> None:
        self._write("\r" if self._is_terminal else "", "\n")

    def _write(self, start: str, end: str) -> None:
        if sys.stderr is not None:
            seconds = time.monotonic() - self._began
            print(f"{start}{self._done}{self._of} done, {seconds:.1f} s", end=end, file=sys.stderr)
            sys.stderr.flush()
