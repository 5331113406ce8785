"""Loads pickles: what came by value gets back to the module, class or function that it is of.

Where this process has a class itself, values of it are of that class: found by the identity that
cloudpickle gave it when it was sent from here, else by its name.
"""

from __future__ import annotations

import pickle
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakSet

import cloudpickle

from flamepy._values import assertion_texts
from flamepy._values.assertion_texts import STANDS_IN_FOR
from flamepy._values.carried_modules import CarriedModule, carried_module, home_module, home_thing
from flamepy._values.cell import Buffer
from flamepy._values.value_pickler import OF_MODULE

_BSON_VERSION = ("bson.int64", "Int64")
#: Small pickles are looked through for names that need more than the standard unpickler.
_LOOKED_THROUGH_MAX = 64 * 1024
_NAMES = (b"cloudpickle.cloudpickle", b"bson.int64")

#: What services of flamepy 0.7.0 send for the stand-in of pytest's.
_STAND_IN_BEFORE = "flamepy._assertion_texts"

_by_value: Any = cloudpickle.cloudpickle
#: Classes and functions that were made of pickles here, and that pickles may change again.
_made: WeakSet[Any] = WeakSet()
#: Held while a class lacks what it calls for its subclasses.
_hooks = threading.RLock()


def loads(data: Buffer) -> Any:
    """Return the value of a pickle."""
    if len(data) <= _LOOKED_THROUGH_MAX:
        small = bytes(data)
        if not any(name in small for name in _NAMES):
            return pickle.loads(small)
    return Unpickler(_Reader(data)).load()


class Unpickler(pickle.Unpickler):
    """Loads one pickle of a file."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names."""
        if (module, name) == _BSON_VERSION:
            return _version_class()
        ours = _OURS.get((module, name))
        return super().find_class(_MOVED.get(module, module), name) if ours is None else ours


class _Reader:
    """A file of bytes in memory, which are not copied before they are where they stay."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data).cast("B")
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = self._view[self._at : self._at + size].tobytes()
        self._at += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        piece = self._view[self._at : self._at + len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def readline(self) -> bytes:
        rest = self._view[self._at :].tobytes()  # Of old pickles alone.
        line = rest[: rest.find(b"\n") + 1]
        self._at += len(line)
        return line


class _Version(int):
    """What pymongo makes of the version of a published reference; pickled again it is an int."""

    def __setstate__(self, state: object) -> None:
        pass  # It is in the number.

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


def _version_class() -> type[int]:
    try:
        from bson.int64 import Int64  # type: ignore[import-not-found]
    except ModuleNotFoundError:
        return _Version
    found: type[int] = Int64
    return found


def _make_class(
    meta: Any, name: str, bases: Any, parts: dict[str, Any], identity: str, extra: Any
) -> Any:
    found = _known_class(identity, parts.get("__module__"), parts.get("__qualname__", name))
    if found is None:
        with _without_hooks(bases):
            if meta in _made:
                skeleton = _skeleton(meta, name, bases, parts)
                found = _by_value._lookup_class_or_track(identity, skeleton)
            else:
                found = _by_value._make_skeleton_class(meta, name, bases, parts, identity, extra)
        _made.add(found)
    return found


def _skeleton(meta: Any, name: str, bases: Any, parts: dict[str, Any]) -> Any:
    """Make a class to be filled without its metaclass, which expects contents, and has had them."""
    native = next(each for each in meta.__mro__ if each not in _made)
    return native.__new__(meta, name, types.resolve_bases(bases), dict(parts))


@contextmanager
def _without_hooks(bases: Any) -> Iterator[None]:
    """Keep ``__init_subclass__`` of classes that came by value from being called once more.

    It may expect contents that a new class does not have yet, and what it did is among them.
    """
    hooked = {
        owner
        for base in types.resolve_bases(bases)
        for owner in base.__mro__
        if "__init_subclass__" in vars(owner) and owner in _made
    }
    with _hooks if hooked else nullcontext():
        hooks = {owner: vars(owner)["__init_subclass__"] for owner in hooked}
        for owner in hooks:
            del owner.__init_subclass__
        try:
            yield
        finally:
            for owner, hook in hooks.items():
                owner.__init_subclass__ = hook


def _make_enum(
    bases: Any, name: str, qualname: str, members: Any, module: str, identity: str, extra: Any
) -> Any:
    found = _known_class(identity, module, qualname)
    if found is None:
        found = _by_value._make_skeleton_enum(
            bases, name, qualname, members, module, identity, extra
        )
        _made.add(found)
    return found


def _known_class(identity: str, module: str | None, qualname: str) -> Any:
    known = _by_value._DYNAMIC_CLASS_TRACKER_BY_ID.get(identity)
    if known is not None:
        return known
    home = home_thing(module, qualname)
    return _by_value._lookup_class_or_track(identity, home) if isinstance(home, type) else None


def _set_class(made: Any, state: Any) -> Any:
    if made in _made:
        _by_value._class_setstate(made, state)
        _expose(made, replace=True)
    return made


def _make_function(code: Any, names: dict[str, Any], name: Any, defaults: Any, cells: Any) -> Any:
    if names.get(OF_MODULE):
        module_name = names["__name__"]
        home = home_thing(module_name, code.co_qualname)
        if cells is None and isinstance(home, FunctionType) and home.__code__ == code:
            return home
        module = carried_module(module_name)
        if module is not None:
            vars(module).update({each: names[each] for each in names.keys() - {"__path__"}})
            names = vars(module)
    made = _by_value._make_function(code, names, name, defaults, cells)
    _made.add(made)
    return made


def _set_function(made: Any, state: Any) -> None:
    if made in _made:
        _by_value._function_setstate(made, state)
        _expose(made, replace=False)


def _import(name: str) -> Any:
    name = STANDS_IN_FOR if name == _STAND_IN_BEFORE else name
    try:
        return _by_value.subimport(name)
    except ModuleNotFoundError:
        # The code of test modules names it, and only those who run the tests have it.
        if name != STANDS_IN_FOR:
            raise
        return assertion_texts


def _make_module(name: str, parts: dict[str, Any]) -> ModuleType:
    module = home_module(name) or carried_module(name)
    if module is None:
        made: ModuleType = _by_value.dynamic_subimport(name, parts)
        return made
    if isinstance(module, CarriedModule):
        vars(module).update(parts)
    return module


def _set_attribute(thing: Any, name: str, value: Any) -> None:
    is_home = isinstance(thing, ModuleType) and sys.modules.get(thing.__name__) is thing
    if not is_home or isinstance(thing, CarriedModule):
        setattr(thing, name, value)


def _expose(made: Any, replace: bool) -> None:
    """Have what pickles by name find a class or function in its module."""
    module = sys.modules.get(made.__module__)
    if isinstance(module, CarriedModule) and "." not in made.__qualname__:
        if replace or made.__qualname__ not in vars(module):
            setattr(module, made.__qualname__, made)


_OURS: dict[tuple[str, str], Callable[..., Any]] = {
    ("cloudpickle.cloudpickle", "_make_skeleton_class"): _make_class,
    ("cloudpickle.cloudpickle", "_make_skeleton_enum"): _make_enum,
    ("cloudpickle.cloudpickle", "_class_setstate"): _set_class,
    ("cloudpickle.cloudpickle", "_make_function"): _make_function,
    ("cloudpickle.cloudpickle", "_function_setstate"): _set_function,
    ("cloudpickle.cloudpickle", "dynamic_subimport"): _make_module,
    ("cloudpickle.cloudpickle", "subimport"): _import,
    ("builtins", "setattr"): _set_attribute,
}
#: Modules that flamepy 0.7.0 has elsewhere. Sessions of its Executor bring the class of their
#: execution object by value, which names its functions.
_MOVED = {"flamepy._function_calls": "flamepy._calls.function_calls"}
