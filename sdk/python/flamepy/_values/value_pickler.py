"""Pickles what the client's own modules define by value (docs/flmrun.md, section 11).

What is written is what cloudpickle writes for the main program, so any cloudpickle reads it;
``_values.unpickler`` puts it into the modules that it is of.
"""

from __future__ import annotations

import operator
import sys
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

from flamepy._values import assertion_texts
from flamepy._values.exception_pickles import reduced_exception
from flamepy._values.module_uses import Use, uses_of, variables_of
from flamepy._values.own_modules import is_own

#: A name among the globals of functions whose globals are those of an own module.
OF_MODULE = "__flamepy_module__"
#: What a module has for `import`, which is not the same elsewhere.
_OF_IMPORT = frozenset(("__builtins__", "__cached__", "__file__", "__loader__", "__spec__"))

_by_value: Any = cloudpickle.cloudpickle


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Sends functions, classes and modules of own modules by value.

    Attributes:
        carried: the values of globals that were sent: by module and name.

    Args:
        names_only: leave that to cloudpickle, which names them.
    """

    def __init__(self, file: Any, protocol: int, names_only: bool) -> None:
        super().__init__(file, protocol=protocol)
        self.carried: dict[tuple[str, str], Any] = {}
        self._names_only = names_only
        #: Modules of which functions send what they use.
        self._shells: set[int] = set()
        self._sent: set[tuple[int, str]] = set()

    def reducer_override(self, thing: Any) -> Any:
        """Return how a thing is reduced; called for all that has no built-in type."""
        kind = type(thing)
        if kind is Use:
            return setattr, tuple(thing)
        if kind is FunctionType or issubclass(kind, type):
            if not self._names_only and is_own(thing.__module__):
                return _with_slots(thing, self._by_value(thing))
            return _with_slots(thing, super().reducer_override(thing))
        if thing is assertion_texts:
            return _by_value.subimport, (assertion_texts.STANDS_IN_FOR,)
        if issubclass(kind, ModuleType) and not self._names_only and is_own(thing.__name__):
            return self._module(thing)
        return reduced_exception(thing) if issubclass(kind, BaseException) else NotImplemented

    def _by_value(self, thing: Any) -> Any:
        if isinstance(thing, FunctionType):
            return self._dynamic_function_reduce(thing)
        make, args, *rest = _by_value._dynamic_class_reduce(thing)
        if make is _by_value._make_skeleton_class:
            args[3]["__qualname__"] = thing.__qualname__
        return make, args, *rest

    def _dynamic_function_reduce(self, function: FunctionType) -> Any:
        reduced: Any = super()._dynamic_function_reduce(function)
        _, args, state, *_ = reduced
        if not self._names_only:
            self._add_uses(function, state[1])
            if _has_globals_of_own_module(function):
                args[1][OF_MODULE] = True
                self._note_globals(function.__module__, state[1]["__globals__"])
        return reduced

    def _add_uses(self, function: FunctionType, slots: dict[str, Any]) -> None:
        imported = slots["_cloudpickle_submodules"]
        uses = uses_of(function)
        self._shells.update(id(use.module) for use in uses)
        values = [use.value for use in uses]
        values.extend(value for _, value in variables_of(function))
        self._shells.update(id(value) for value in values if isinstance(value, ModuleType))
        # What is loaded with the function without being one of its variables.
        loaded: list[Any] = [each for each in imported if not is_own(each.__name__)]
        for use in uses:
            if (id(use.module), use.name) in self._sent:
                continue
            self._sent.add((id(use.module), use.name))
            loaded.append(use if use.name else use.module)
            if use.name:
                self._note_globals(use.module.__name__, {use.name: use.value})
        slots["_cloudpickle_submodules"] = loaded

    def _note_globals(self, module: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if not isinstance(value, ModuleType | FunctionType | type):
                self.carried[(module, name)] = value

    def _module(self, module: ModuleType) -> Any:
        make = _by_value.dynamic_subimport
        args: tuple[Any, ...] = (module.__name__, {})
        if id(module) in self._shells:
            return make, args
        everything = [
            Use(module, name, value)
            for name, value in vars(module).items()
            if name not in _OF_IMPORT
        ]
        # They set themselves as they are loaded, once the module is there to refer to.
        return make, args, everything, None, None, operator.is_


def _with_slots(thing: Any, reduced: Any) -> Any:
    """Have a class made with its slots: cloudpickle sets them later, when they make none."""
    if reduced is not NotImplemented and reduced[0] is _by_value._make_skeleton_class:
        slots = vars(thing).get("__slots__")
        is_named_tuple = issubclass(thing, tuple) and hasattr(thing, "_fields")
        if slots is not None and not is_named_tuple:  # Those have none, and refuse to be told so.
            reduced[1][3]["__slots__"] = slots
    return reduced


def _has_globals_of_own_module(function: FunctionType) -> bool:
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    return module is not None and is_own(name) and function.__globals__ is vars(module)
