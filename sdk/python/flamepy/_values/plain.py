"""Values of built-in types: any pickler writes them as they are, so the quickest one may."""

from __future__ import annotations

import functools
import pickle
from typing import Any

from flamepy._values import envelope

_PROTOCOL = 5
_TYPES = frozenset((type(None), bool, int, float, complex, str, bytes))

#: Of requests, calls and results that carry a pickle themselves, as nearly all do.
_HEADERS = (
    {"body": "inline"},
    {"call": "one", "body": "inline"},
    {"result": "value", "body": "inline"},
)


def is_plain(value: Any) -> bool:
    """Whether a value is of a built-in type that holds no other values."""
    return type(value) in _TYPES


def plain_pickle(value: Any) -> bytes:
    """Return the pickle that ``_values.codec.pickled`` makes of what holds plain values."""
    return pickle.dumps(value, _PROTOCOL)


def request_frame() -> bytes:
    """Return what stands before the pickle of a request."""
    return _frames(envelope.PYTHON)[0]


def call_frame() -> bytes:
    """Return what stands before the pickle of one call in a session of an object."""
    return _frames(envelope.PYTHON)[1]


def result_frame() -> bytes:
    """Return what stands before the pickle of a result."""
    return _frames(envelope.PYTHON)[2]


@functools.lru_cache(4)
def _frames(_python: str) -> tuple[bytes, ...]:
    return tuple(envelope.frame_of(header) for header in _HEADERS)
