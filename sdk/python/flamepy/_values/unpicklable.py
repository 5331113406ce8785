"""Finds what of a value cannot be pickled, so that its error can name it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CellType,
    CodeType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

from flamepy._model.errors import FlameValueError
from flamepy._model.stays_here import StaysHere
from flamepy._values.module_uses import uses_of
from flamepy._values.own_modules import is_own

_DEPTH_MAX = 20
_SEARCH_SECONDS = 2.0
#: Larger globals of own modules are to be sent otherwise: they would go with each call.
GLOBAL_BYTES_MAX = 64 * 1024 * 1024

#: What to do about some kinds of things.
_ADVICE: tuple[tuple[Any, str], ...] = (
    (GeneratorType, "it runs where it was made: send a list of what it yields, as list() makes it"),
    (
        AsyncGeneratorType,
        "it runs where it was made: send a list of what it yields, as [x async for x in ...]",
    ),
    (CoroutineType, "it runs where it was made: send the function and its arguments"),
)

#: How a part is called, and the part.
Part = tuple[str, Any]


def culprit(value: Any, is_picklable: Callable[[Any], bool]) -> tuple[list[str], Any]:
    """Return the smallest part of ``value`` that cannot be pickled, and the way to it.

    Args:
        value: what cannot be pickled.
        is_picklable: tries a part.
    """
    way: list[str] = []
    seen = {id(value)}
    deadline = time.monotonic() + _SEARCH_SECONDS
    for _ in range(_DEPTH_MAX):
        for name, part in _parts(value):
            if time.monotonic() > deadline:
                return way, value
            if id(part) not in seen and not is_picklable(part):
                seen.add(id(part))
                way.append(name)
                value = part
                break
        else:
            break
    return way, value


def advice_on(value: Any) -> str:
    """Return what to do about something that cannot be pickled; nothing where nobody knows."""
    for kinds, advice in _ADVICE:
        if isinstance(value, kinds):
            return f"; {advice}"
    return ""


def refuse_large_globals(
    carried: dict[tuple[str, str], Any], what: str, size_of: Callable[[Any], int]
) -> None:
    """Refuse globals of own modules that are too large to go with each thing that needs them.

    Args:
        carried: the globals, by module and name.
        what: what was to be sent, for the error.
        size_of: gives how many bytes a value is.

    Raises:
        FlameValueError: one is too large.
    """
    for (module, name), value in carried.items():
        size = size_of(value)
        if size > GLOBAL_BYTES_MAX:
            raise FlameValueError(
                f"cannot send {what}: the global variable {name!r} of the module {module} would "
                f"go with it and has {size / 1024**2:.0f} MiB; globals of own modules may have "
                f"{GLOBAL_BYTES_MAX // 1024**2} MiB. Put it into the object cache once, with "
                "flamepy.put_object, and pass the reference as an argument, or load it in the "
                "function"
            )


def _parts(value: Any) -> Iterator[Part]:
    if isinstance(value, FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, MethodType | BuiltinMethodType):
        yield f"the object of its method {value.__name__!r}", value.__self__
    elif isinstance(value, functools.partial):
        yield "its function", value.func
        yield from ((f"its argument {at}", part) for at, part in enumerate(value.args))
        yield from ((f"its argument {name!r}", part) for name, part in value.keywords.items())
    elif isinstance(value, dict):
        yield from (("one of its keys", key) for key in value)
        yield from ((f"its item {_short(key)}", part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"its item {at}", part) for at, part in enumerate(value))
    elif isinstance(value, type | ModuleType):
        what = "class" if isinstance(value, type) else "module"
        of = f"of the {what} {value.__name__}"
        yield from ((f"the attribute {name!r} {of}", part) for name, part in vars(value).items())
    else:
        yield from _parts_of_object(value)


def _parts_of_function(function: FunctionType) -> Iterator[Part]:
    of = f"of {function.__qualname__}()"
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    for name, cell in cells:
        if _is_full(cell) and not _is_own_module(cell.cell_contents):
            yield f"the variable {name!r} {of}", cell.cell_contents
    for name in sorted(_global_names(function.__code__)):
        if name in function.__globals__ and not _is_own_module(function.__globals__[name]):
            yield f"the global variable {name!r} {of}", function.__globals__[name]
    for module, name, value in uses_of(function):
        if name and not _is_own_module(value):
            yield f"the global variable {name!r} of {module.__name__}, used by {of[3:]}", value
    for name, value in _defaults(function):
        yield f"the default of the argument {name!r} {of}", value
    for name, value in vars(function).items():
        yield f"the attribute {name!r} {of}", value


def _defaults(function: FunctionType) -> Iterator[Part]:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    yield from zip(names[len(names) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _parts_of_object(value: Any) -> Iterator[Part]:
    if isinstance(value, StaysHere):
        return  # It says itself what to do.
    attributes = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                attributes.setdefault(name, getattr(value, name))
    kind = type(value).__qualname__
    yield from (
        (f"the attribute {name!r} of this {kind}", each) for name, each in attributes.items()
    )
    yield f"its class {type(value).__qualname__}", type(value)


def _is_own_module(value: Any) -> bool:
    return isinstance(value, ModuleType) and is_own(value.__name__)


def _global_names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _is_full(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 An empty cell says so by raising.
    except ValueError:
        return False
    return True


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 60 else f"{text[:57]}..."
