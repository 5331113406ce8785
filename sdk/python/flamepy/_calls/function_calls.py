"""The calls of an Executor, on both sides: many functions in one session (docs/flmrun.md, 9)."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag
from types import BuiltinFunctionType, FunctionType
from typing import Any

from flamepy._calls.called import called
from flamepy._calls.named_arguments import refuse_arguments
from flamepy._calls.requests import RunnerRequest
from flamepy._model.errors import ObjectNotFoundError
from flamepy._names.public import public
from flamepy._objects.objects import ObjectRef, get_cell, put_cell
from flamepy._values import codec
from flamepy._values.cell import Buffer

#: Larger functions are put into the object cache once, and not sent with every call.
_SENT_BYTES_MAX = 1024
#: Functions that one instance keeps; what was called least recently is loaded again.
_KEPT_MAX = 256


class How(IntFlag):
    """How a request says what is to be called."""

    #: Its first argument is a reference to the pickle of the function, not the pickle itself.
    REFERRED = 1
    #: The function that was loaded for one call serves later ones too.
    KEPT = 2
    #: Its one argument has the arguments of several calls; the result is the list of theirs.
    CHUNK = 4


@dataclass(frozen=True)
class PackedFunction:
    """A function as requests carry it.

    Attributes:
        data: its pickle, or the reference to it.
        how: which of the two it is, and whether it is kept.
        name: how errors call it.
    """

    data: bytes
    how: How
    name: str

    def request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RunnerRequest:
        """Return the request of one call."""
        return RunnerRequest(args=(self.data, int(self.how), kwargs or None, *args))

    def chunked(self) -> PackedFunction:
        """Return the same, to be called several times by one request."""
        return replace(self, how=self.how | How.CHUNK)

    def refuse_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise the TypeError of the first argument of a request that cannot be pickled."""
        for each in args[0] if self.how & How.CHUNK else (args,):
            refuse_arguments(each, kwargs, f"{self.name}()")


class FunctionPacker:
    """Pickles the functions of one executor.

    A function or class is pickled when it is first called, and once. Other callables (bound
    methods, partials, objects) may have changed between two calls: they are pickled for each.

    Args:
        prefix: where objects of the session are kept.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._packed: dict[int, tuple[weakref.ref[Any], PackedFunction]] = {}
        self._lock = threading.Lock()

    def pack(self, function: Callable[..., Any], for_many: bool = False) -> PackedFunction:
        """Return a function as requests carry it.

        Args:
            for_many: many requests are to carry it as it is now.

        Raises:
            TypeError: it cannot be called, or cannot be pickled; the text says what of it.
            FlameError: it is large, and the object cache does not take it.
        """
        if not callable(function):
            raise TypeError(
                f"cannot submit a {type(function).__name__}: expected a function, a class or "
                "another object that can be called"
            )
        if not isinstance(function, FunctionType | BuiltinFunctionType | type):
            # Sent with one request, which goes by reference itself when it is large.
            return self._pickled(function, How(0), may_refer=for_many)
        with self._lock:
            entry = self._packed.get(id(function))
            if entry is not None and entry[0]() is function:
                return entry[1]
            packed = self._pickled(function, How.KEPT, may_refer=True)
            # An entry of a function that is gone is replaced, or of no use to anybody.
            self._packed[id(function)] = (weakref.ref(function), packed)
            return packed

    def _pickled(self, function: Callable[..., Any], how: How, may_refer: bool) -> PackedFunction:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        cell = codec.pickled(function, "the function")
        if may_refer and len(cell) > _SENT_BYTES_MAX:
            return PackedFunction(put_cell(self._prefix, cell).encode(), how | How.REFERRED, name)
        return PackedFunction(bytes(cell), how, name)


@public("flamepy.runpy")
class FunctionCalls:
    """The execution object of an executor's session: calls what each request brings along."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Any] = OrderedDict()

    def __reduce__(self) -> tuple[type[FunctionCalls], tuple[()]]:
        return (FunctionCalls, ())

    def __call__(self, data: bytes, how: int, kwargs: dict[str, Any] | None, *args: Any) -> Any:
        """Call the function of a request, once or several times."""
        function = self._function(data, How(how))
        if how & How.CHUNK:
            return [called(function, list(each), {}) for each in args[0]]
        return called(function, list(args), kwargs or {})

    def _function(self, data: bytes, how: How) -> Any:
        if data in self._kept:
            self._kept.move_to_end(data)
            return self._kept[data]
        function = codec.load(_cell_of(data, how), "the function")
        if how & How.KEPT:
            self._kept[data] = function
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
        return function


def _cell_of(data: bytes, how: How) -> Buffer:
    if not how & How.REFERRED:
        return data
    ref = ObjectRef.decode(data)
    found = get_cell(ref)
    if found is None:
        raise ObjectNotFoundError(f"the function to call, {ref.key!r}, is not at {ref.endpoint}")
    return found[1]
