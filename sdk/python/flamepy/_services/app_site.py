"""The package of a session on ``sys.path``, from entering the session to leaving it."""

from __future__ import annotations

import importlib
import os
import site
import sys
from collections.abc import Sequence
from types import ModuleType

APP_SITE = "FLAME_APP_SITE"
_PYTHONPATH = "PYTHONPATH"
#: Whatever Python a task starts finds the package by this folder's sitecustomize.
_CHILD_SITE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_child_site"
)


class AppSite:
    """Folders with the installed package of an application.

    Args:
        folders: as ``site.addsitedir`` takes them: their ``.pth`` files are honoured.
    """

    def __init__(self, folders: list[str]) -> None:
        self.folders = folders
        self._listed: list[str] = []
        self._added: list[str] = []

    @classmethod
    def from_environment(cls) -> AppSite:
        """Return the folders that the executor manager named in ``FLAME_APP_SITE``."""
        text = os.environ.get(APP_SITE, "")
        return cls([folder for folder in text.split(os.pathsep) if folder])

    def enter(self, listed: Sequence[str] = ()) -> None:
        """Make the package importable, in Python processes that are started from here too.

        Args:
            listed: folders of the session's list of packages, behind those of the application.

        Raises:
            FileNotFoundError: a folder does not exist.
        """
        before = list(sys.path)
        self._listed = list(listed)
        folders = [*self.folders, *self._listed]
        for folder in folders:
            if not os.path.isdir(folder):
                if folder in self._listed:
                    raise FileNotFoundError(
                        f"{folder} is no folder: the session's packages are not installed there"
                    )
                raise FileNotFoundError(
                    f"{APP_SITE} names {folder}, which is no folder: the package of the "
                    "application is not installed there"
                )
            site.addsitedir(folder)
        self._added = [path for path in sys.path if path not in before]
        if folders:
            os.environ[_PYTHONPATH] = os.pathsep.join([_CHILD_SITE, *_python_path()])
        if self._listed:
            os.environ[APP_SITE] = os.pathsep.join(folders)
            programs = [os.path.join(folder, "bin") for folder in self._listed]
            os.environ["PATH"] = os.pathsep.join([*programs, os.environ.get("PATH", "")])
        importlib.invalidate_caches()

    def leave(self) -> None:
        """Make nothing of the package importable any more, and forget its loaded modules."""
        folders = [*self.folders, *self._listed]
        roots = [os.path.realpath(folder) for folder in (*folders, *self._added)]
        sys.path[:] = [path for path in sys.path if path not in self._added]
        if folders:
            _restore(_python_path())
        if self._listed:
            os.environ.pop(APP_SITE, None)
            if self.folders:
                os.environ[APP_SITE] = os.pathsep.join(self.folders)
            places = os.environ.get("PATH", "").split(os.pathsep)
            os.environ["PATH"] = os.pathsep.join(
                place for place in places if not _under(place, roots)
            )
        for name, module in list(sys.modules.items()):
            if any(_under(place, roots) for place in _places(module)):
                del sys.modules[name]
        for path in list(sys.path_importer_cache):
            if _under(path, roots):
                del sys.path_importer_cache[path]
        self._added = []
        importlib.invalidate_caches()


def _python_path() -> list[str]:
    """Return what PYTHONPATH names, but for our own folder."""
    paths = os.environ.get(_PYTHONPATH, "").split(os.pathsep)
    return [path for path in paths if path not in ("", _CHILD_SITE)]


def _restore(paths: list[str]) -> None:
    if paths:
        os.environ[_PYTHONPATH] = os.pathsep.join(paths)
    else:
        os.environ.pop(_PYTHONPATH, None)


def _places(module: ModuleType | None) -> list[str]:
    places = [getattr(module, "__file__", None)]
    try:
        places.extend(getattr(module, "__path__", ()))
    except Exception:
        pass  # Lazy modules may do anything when they are looked at.
    return [place for place in places if isinstance(place, str)]


def _under(path: str, roots: list[str]) -> bool:
    real = os.path.realpath(path)
    return any(real == root or real.startswith(root + os.sep) for root in roots)
