"""What the garbage collector and event loops have to be done, by a thread that may wait.

The collector calls from anywhere, also from within a lock that is needed here: all that it may do
is to put something into a queue.
"""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable

_queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
_starting = threading.Lock()
_served_by: int | None = None


def when_dropped(thing: object, act: Callable[[], None]) -> None:
    """Have ``act`` called in a daemon thread when nobody has ``thing`` any more.

    Args:
        act: does not refer to ``thing``, and raises nothing. The end of a program does not call it.
    """
    _have_served()
    weakref.finalize(thing, _queue.put, act).atexit = False


def later(act: Callable[[], None]) -> None:
    """Have ``act``, which raises nothing, called in the same thread."""
    _have_served()
    _queue.put(act)


def _have_served() -> None:
    global _served_by
    with _starting:
        if _served_by != os.getpid():
            _served_by = os.getpid()
            threading.Thread(target=_serve, name="flamepy-later", daemon=True).start()


def _serve() -> None:
    while True:
        _queue.get()()
