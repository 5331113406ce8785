"""Pickles of the published flamepy, which need a package that this one does not.

It reads references with pymongo, which gives versions a class of its own. Such a reference, as
``put_object`` gives it there, names that class in its pickle.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import cloudpickle

from flamepy._cell import Buffer

_PACKAGE = "bson"
_VERSION_CLASS = ("bson.int64", "Int64")


def loads(data: Buffer) -> Any:
    """Return the value of a pickle, also where pymongo is not installed."""
    try:
        return cloudpickle.loads(data)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGE:
            raise
        return _Unpickler(io.BytesIO(data)).load()


class _Version(int):
    """The version of a reference; pickled again it is an int as any other."""

    def __setstate__(self, state: object) -> None:
        pass  # It is in the number.

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _Version if (module, name) == _VERSION_CLASS else super().find_class(module, name)
