"""Names of a package that are imported when they are asked for.

A service that a session waits for needs few of them, and gRPC least of all.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazily(
    package: str,
    homes: Mapping[str, Sequence[str]],
    loaded: Sequence[str] = (),
    *,
    short_help: bool = False,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return what a package has as its ``__getattr__`` and ``__dir__`` (PEP 562).

    Args:
        package: ``__name__`` of the package.
        homes: its public names, by the module that has them; of a submodule its own.
        loaded: further public names, which it has already.
        short_help: ``help(package)`` is its docstring, and does not describe all that is public.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    public = sorted({*home_of, *loaded})

    def get(name: str) -> Any:
        if name == "__all__":
            return [] if short_help and _pydoc_asks() else public
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(home)
        value = module if home == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *public})

    return get, names


def _pydoc_asks() -> bool:
    """Whether ``help`` asks a package, which it describes with everything in ``__all__``."""
    return sys._getframe(2).f_globals.get("__name__") == "pydoc"
