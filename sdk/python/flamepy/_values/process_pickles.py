"""What goes between a task and the processes that it starts with ``multiprocessing``."""

from __future__ import annotations

import sys
from multiprocessing.reduction import ForkingPickler
from types import FunctionType
from typing import Any

from flamepy._values import codec
from flamepy._values.own_modules import is_own


def send_what_main_defined() -> None:
    """Let processes of tasks be sent functions and classes of the client's own programs.

    ``multiprocessing`` names them by module and name. At home each of its processes finds them
    there; here none does, so what came by value goes on by value.
    """
    pickler: Any = ForkingPickler
    pickler.reducer_override = _reduce


def _reduce(_: ForkingPickler, thing: Any) -> Any:
    if isinstance(thing, FunctionType | type) and (
        is_own(thing.__module__)
        or (thing.__module__ == "__main__" and _in_main(thing.__qualname__) is not thing)
    ):
        return _received, (bytes(codec.pickled(thing)),)
    return NotImplemented


def _received(data: bytes) -> Any:
    send_what_main_defined()  # A process that was started anew answers with such things as well.
    return codec.decode(data)


def _in_main(name: str) -> Any:
    found: Any = sys.modules["__main__"]
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
