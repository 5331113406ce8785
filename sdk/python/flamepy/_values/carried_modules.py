"""Modules that came by value: where their functions find their globals on an executor."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT

_lock = threading.RLock()
#: Names that were looked for here and not found; forgotten with the session.
_missing: set[str] = set()


class CarriedModule(ModuleType):
    """A module with what the client's functions name of it."""

    def __init__(self, name: str, folders: list[str]) -> None:
        super().__init__(name, "Came by value; its file is with the client.")
        # `import` takes it for a package then, which it may be.
        self.__path__ = folders

    def __getattr__(self, name: str) -> Any:
        # Only for what is not there.
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r} on this executor: of the client's "
            "own modules only what a sent function names travels, and this name was not seen in "
            f"one. Write {self.__name__.rpartition('.')[2]}.{name} in the function, or pass it as "
            "an argument"
        )


def carried_module(name: str) -> ModuleType | None:
    """Return the module to which things of this name belong; None where there is none to share.

    It is found by ``import`` until the session is left, unless this environment has one of that
    name itself.
    """
    with _lock:
        module = sys.modules.get(name)
        if isinstance(module, CarriedModule):
            return module
        if not os.environ.get(FLAME_INSTANCE_ENDPOINT) or name == "__main__":
            return None
        if module is not None or home_module(name) is not None:
            return None
        parent, _, last = name.rpartition(".")
        above = carried_module(parent) if parent else None
        if parent and above is None:
            return None
        sys.modules[name] = made = CarriedModule(name, _folders(name))
        if above is not None:
            setattr(above, last, made)
        return made


def home_module(name: str) -> ModuleType | None:
    """Return the module of this name that this environment has itself.

    An executor loads it if need be. A client loads nothing: it has loaded what it has sent.
    """
    is_executor = bool(os.environ.get(FLAME_INSTANCE_ENDPOINT))
    if name == "__main__" or (is_executor and name.partition(".")[0] in sys.stdlib_module_names):
        return None  # A client's module that hides one of Python is another one.
    module = sys.modules.get(name)
    if module is not None:
        return None if isinstance(module, CarriedModule) else module
    if not is_executor or name in _missing:
        return None
    if not isinstance(sys.modules.get(name.partition(".")[0]), CarriedModule) and _is_here(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise  # It is here, and lacks something.
    _missing.add(name)
    return None


def home_thing(module_name: str | None, qualname: str) -> Any:
    """Return what this environment itself has of this name; None when it has nothing."""
    found: Any = home_module(module_name) if module_name else None
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def forget_carried() -> None:
    """Forget all of them, and what was not found: another session has others."""
    with _lock:
        _missing.clear()
        for name, module in list(sys.modules.items()):
            if isinstance(module, CarriedModule):
                del sys.modules[name]


def _is_here(name: str) -> bool:
    """Whether a module may be here. A folder that happens to have its name is none."""
    top = name.partition(".")[0]
    spec = _spec(top)
    return spec is not None and (spec.origin is not None or name != top)


def _folders(name: str) -> list[str]:
    """Return where other parts of a package are that is spread over several folders."""
    spec = None if "." in name else _spec(name)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _spec(name: str) -> ModuleSpec | None:
    from importlib.util import find_spec

    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None
