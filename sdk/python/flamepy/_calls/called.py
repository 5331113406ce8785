"""Calls on the executor side: references become objects, and what can be awaited is awaited."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flamepy._calls.awaiting import finished
from flamepy._objects.objects import ObjectRef, get_object

#: Object references of a call that are fetched at once.
MAX_PARALLEL_RESOLVE = 8


def called(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call a function with the objects that its arguments refer to (docs/flmrun.md, section 3)."""
    _resolve(args, kwargs)
    return finished(function(*args, **kwargs))


def _resolve(args: list[Any], kwargs: dict[str, Any]) -> None:
    """Replace object references directly in the arguments by the objects, some at a time."""
    places: list[tuple[Any, Any, ObjectRef]] = [
        (args, at, value) for at, value in enumerate(args) if isinstance(value, ObjectRef)
    ]
    places += [(kwargs, at, value) for at, value in kwargs.items() if isinstance(value, ObjectRef)]
    if not places:
        return
    if len(places) > 1:
        with ThreadPoolExecutor(min(len(places), MAX_PARALLEL_RESOLVE)) as pool:
            values = list(pool.map(lambda place: get_object(place[2]), places))
    else:
        values = [get_object(place[2]) for place in places]
    for (where, at, _), value in zip(places, values, strict=True):
        where[at] = value
