"""What functions use of the client's own modules, so that it can travel with them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from flamepy._values.code_names import CodeNames, Import, names_of
from flamepy._values.own_modules import is_own, is_own_file


class Use(NamedTuple):
    """Something of a module that a function uses; without a name the module itself."""

    module: ModuleType
    name: str
    value: Any


def uses_of(function: FunctionType) -> list[Use]:
    """Return what a function uses of own modules that are in its variables or that it imports.

    ``helpers.f`` uses ``f`` of ``helpers``. Where the code does more with a module than to name
    attributes of it, everything that has a name or a text in the code counts.
    """
    names = names_of(function.__code__)
    found: dict[tuple[int, str], Use] = {}
    for variable, value in variables_of(function):
        if isinstance(value, ModuleType) and is_own(value.__name__):
            for chain in names.chains:
                if chain[0] == variable:
                    _follow(value, chain[1:], names, found)
    for statement in names.imports:
        for module in _imported(function, statement):
            found[(id(module), "")] = Use(module, "", None)
            if statement.parts:
                _take(module, statement.parts, names, found)
            else:
                _follow(module, (), names, found)
    return list(found.values())


def variables_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the global variables that a function uses, and those of functions around it."""
    named = {chain[0] for chain in names_of(function.__code__).chains}
    for name in named:
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue  # It is empty.


def _follow(
    module: ModuleType,
    chain: tuple[str, ...],
    names: CodeNames,
    found: dict[tuple[int, str], Use],
) -> None:
    if chain:
        _take(module, chain[:1], names, found, chain[1:])
    else:
        _take(module, sorted(names.words & vars(module).keys()), names, found)


def _take(
    module: ModuleType,
    wanted: tuple[str, ...] | list[str],
    names: CodeNames,
    found: dict[tuple[int, str], Use],
    further: tuple[str, ...] = (),
) -> None:
    for name in vars(module) if "*" in wanted else wanted:
        if name not in vars(module) or (name.startswith("__") and name.endswith("__")):
            continue
        value = vars(module)[name]
        is_new = (id(module), name) not in found
        found[(id(module), name)] = Use(module, name, value)
        if isinstance(value, ModuleType) and is_own(value.__name__) and (is_new or further):
            _follow(value, further, names, found)


def _imported(function: FunctionType, statement: Import) -> Iterator[ModuleType]:
    """Yield the own modules that an import statement names, loaded if they are not yet."""
    package = function.__globals__.get("__package__")
    if package is None:
        package = str(function.__globals__.get("__name__", "")).rpartition(".")[0]
    try:
        name = resolve_name("." * statement.level + statement.name, package)
    except ImportError:
        return  # It fails here as well.
    for part in statement.parts or ():
        _own_module(f"{name}.{part}")  # Some are modules, which are attributes once loaded.
    for each in (name,) if statement.parts else (*_parents(name), name):
        module = _own_module(each)
        if module is not None:
            yield module


def _parents(name: str) -> list[str]:
    pieces = name.split(".")
    return [".".join(pieces[:end]) for end in range(1, len(pieces))]


def _own_module(name: str) -> ModuleType | None:
    if name not in sys.modules and not _is_to_be_found(name):
        return None
    try:
        module = sys.modules.get(name) or importlib.import_module(name)
    except Exception:
        return None  # What the function makes of it is told where it runs.
    return module if is_own(name) else None


def _is_to_be_found(name: str) -> bool:
    parent = name.rpartition(".")[0]
    if parent:
        return parent in sys.modules and is_own(parent)
    spec = PathFinder.find_spec(name)
    return spec is not None and spec.origin is not None and is_own_file(spec.origin)
