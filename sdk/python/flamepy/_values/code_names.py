"""What a function's code names: attributes of what its variables hold, and modules it imports."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from weakref import WeakKeyDictionary

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


@dataclass
class Import:
    """An import statement in a function.

    Attributes:
        name: the module as it is written there; empty for ``from . import x``.
        level: how many dots are before it.
        parts: what is taken ``from`` it; None for ``import name``.
    """

    name: str
    level: int
    parts: tuple[str, ...] | None


@dataclass
class CodeNames:
    """What the code of a function names, functions within it included.

    Attributes:
        chains: ``("helpers", "limits", "MAX")`` for ``helpers.limits.MAX``; a variable that is used
            otherwise stands alone.
        imports: its import statements.
        words: every name and text in it.
    """

    chains: set[tuple[str, ...]] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    words: set[str] = field(default_factory=set)


_known: WeakKeyDictionary[CodeType, CodeNames] = WeakKeyDictionary()


def names_of(code: CodeType) -> CodeNames:
    """Return what the code names; looked for once."""
    found = _known.get(code)
    if found is None:
        found = CodeNames()
        for each in _with_inner(code):
            _read(each, found)
        _known[code] = found
    return found


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _read(code: CodeType, found: CodeNames) -> None:
    found.words.update(code.co_names)
    found.words.update(each for each in code.co_consts if isinstance(each, str))
    chain: tuple[str, ...] = ()
    pushed: list[object] = [0, None]
    for step in dis.get_instructions(code):
        if chain and step.opname in _ATTRIBUTES:
            chain = (*chain, str(step.argval))
            continue
        if chain:
            found.chains.add(chain)
        chain = (str(step.argval),) if step.opname in _LOADS else ()
        if step.opname == "IMPORT_NAME":
            level, parts = pushed[-2:]
            if isinstance(level, int) and (parts is None or isinstance(parts, tuple)):
                found.imports.append(Import(str(step.argval), level, parts))
        elif step.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            pushed.append(step.argval)
