"""Names the argument of a call that cannot be sent, and not its place in what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flamepy._values import codec


def refuse_arguments(args: Sequence[Any], kwargs: Mapping[str, Any] | None, call: str) -> None:
    """Raise the error of the first argument that cannot be pickled; return when all can.

    Args:
        call: what has the arguments, such as ``add()``.

    Raises:
        TypeError: it says which argument, and what of it.
    """
    for at, value in enumerate(args, 1):
        codec.pickled(value, f"argument {at} of {call}")
    for name, value in (kwargs or {}).items():
        codec.pickled(value, f"argument {name!r} of {call}")
