"""Which modules are the client's own: no executor has them (docs/flmrun.md, section 11)."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT
from flamepy._values.carried_modules import CarriedModule

_SITE_FOLDERS = frozenset(("site-packages", "dist-packages"))
_EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_PACKAGE = __name__.partition(".")[0]

_verdicts: WeakKeyDictionary[ModuleType, bool] = WeakKeyDictionary()


def is_own(name: Any) -> bool:
    """Whether a loaded module is neither of the standard library nor of an installed distribution.

    Its functions and classes travel by value then. The main program is none: cloudpickle looks
    after it. On an executor only what came by value goes on by value.

    Args:
        name: as in ``sys.modules``; anything else is none.
    """
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is None or name == "__main__":
        return False
    if isinstance(module, CarriedModule):
        return True
    try:
        verdict = _verdicts.get(module)
        if verdict is None:
            verdict = _verdicts[module] = _is_local(module)
    except TypeError:  # Somebody put another thing there, which cannot be remembered.
        return False
    return verdict and not os.environ.get(FLAME_INSTANCE_ENDPOINT)


def is_own_file(path: str) -> bool:
    """Whether a module of this file, or a package of this folder, would be the client's own."""
    if path.endswith(_EXTENSIONS):
        return False  # There is no code of it that could travel.
    places = {os.path.abspath(path), os.path.realpath(path)}
    return not any(_is_installed(place) for place in places)


def _is_local(module: ModuleType) -> bool:
    name = module.__name__
    if not isinstance(module, ModuleType) or name.partition(".")[0] == _PACKAGE:
        return False
    place = _place(module)
    if place is not None:
        return is_own_file(place)
    if getattr(module, "__spec__", None) is not None:
        return False  # Built in or frozen.
    parent, dot, _ = name.rpartition(".")
    # Made by a program as it ran; what a library made belongs to that library.
    return is_own(parent) if dot else name not in sys.builtin_module_names


def _place(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file
    folders = [path for path in getattr(module, "__path__", ()) if isinstance(path, str)]
    return folders[0] if folders else None


def _is_installed(place: str) -> bool:
    if not _SITE_FOLDERS.isdisjoint(place.split(os.sep)):
        return True
    if any(place.startswith(folder + os.sep) for folder in _library_folders()):
        return True
    return place in _recorded_beside(place)


@lru_cache(1)
def _library_folders() -> frozenset[str]:
    import sysconfig

    paths = sysconfig.get_paths()
    folders = [paths["stdlib"], paths["platstdlib"], os.path.dirname(os.__file__)]
    return frozenset(os.path.realpath(folder) for folder in folders) | frozenset(folders)


def _recorded_beside(place: str) -> frozenset[str]:
    """Return the files of distributions that were installed where Python found this one.

    Such are folders made by ``pip install --target``: they have the distributions' records.
    """
    for entry in sys.path:
        folder = os.path.abspath(entry)
        if place.startswith(folder + os.sep):
            recorded = _recorded_in(folder)
            if place in recorded:
                return recorded
    return frozenset()


@lru_cache(64)
def _recorded_in(folder: str) -> frozenset[str]:
    try:
        names = os.listdir(folder)
    except OSError:  # An archive, or nothing at all.
        return frozenset()
    if not any(name.endswith(".dist-info") for name in names):
        return frozenset()  # An .egg-info beside sources is a project that is worked on.
    from importlib.metadata import distributions

    found: set[str] = set()
    for distribution in distributions(path=[folder]):
        for file in distribution.files or ():
            found.add(os.path.abspath(os.path.join(folder, file)))
            found.update(os.path.abspath(os.path.join(folder, each)) for each in file.parents)
    return frozenset(found) - {os.path.abspath(folder), os.sep}
