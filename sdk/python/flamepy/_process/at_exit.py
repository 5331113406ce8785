"""What a program has handed in leaves before the program ends."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flamepy._streams.client_stream import ClientStream

#: How long the end of a program, or of a connection, may take for that.
LEAVE_SECONDS = 5.0

_streams: weakref.WeakKeyDictionary[ClientStream, int] = weakref.WeakKeyDictionary()


def leave_before_exit(stream: ClientStream) -> None:
    """See that the tasks of a stream exist when the program has ended; none is waited for."""
    _streams[stream] = os.getpid()


def _leave() -> None:
    deadline = time.monotonic() + LEAVE_SECONDS
    for stream, process in list(_streams.items()):
        if process == os.getpid():  # A forked child has none of the threads that do it.
            stream.await_settled(None, max(deadline - time.monotonic(), 0.0), unsent=True)


atexit.register(_leave)
