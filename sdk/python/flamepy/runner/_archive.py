"""A folder as the package that a Runner ships."""

from __future__ import annotations

import fnmatch
import io
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flamepy._model.errors import FlameError, FlameErrorCode

if TYPE_CHECKING:
    import tarfile

#: The archive is written there, so that nothing of it is in one.
DIST = "dist"
#: What is of the machine or made anew anyway.
EXCLUDES = (
    ".venv",
    "venv",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".mypy_cache",
    "*.egg-info",
    ".git",
    ".tox",
    "node_modules",
    "*.pyc",
    "*.pyo",
    ".DS_Store",
)
_LEGACY_METADATA = ("setup.py", "setup.cfg")
_log = logging.getLogger("flamepy.runner")


def write_archive(
    folder: Path, name: str, dependencies: Sequence[str], excludes: Sequence[str]
) -> Path:
    """Write ``<folder>/dist/<name>.tar.gz`` with what the folder holds.

    The same files make the same bytes, so that nodes recognise what they have installed. A folder
    without Python metadata gets a pyproject.toml in the archive, in which ``dependencies`` stand.

    Args:
        folder: what is packed.
        name: name of the archive and, where it has none, of the project.
        dependencies: requirements as pip takes them.
        excludes: patterns (fnmatch) of names and of paths in the archive, beside ``EXCLUDES``.

    Raises:
        FlameError: INTERNAL, when something cannot be read or the archive not written.
    """
    # Not at the top: every service imports this package, and none packs a folder.
    import gzip
    import tarfile

    metadata = generated_metadata(folder, name, dependencies)
    archive = folder / DIST / f"{name}.tar.gz"
    try:
        archive.parent.mkdir(exist_ok=True)
        with (
            archive.open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            keep = _keeper((*EXCLUDES, *excludes))
            for entry in sorted(os.listdir(folder)):
                if entry != DIST:
                    tar.add(folder / entry, arcname=entry, filter=keep)
            if metadata is not None:
                data = metadata.encode()
                info = tarfile.TarInfo("pyproject.toml")
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
    except OSError as error:
        remove_archive(archive)
        raise FlameError(
            FlameErrorCode.INTERNAL, f"Failed to create package {archive} of {folder}: {error}"
        ) from error
    return archive


def remove_archive(archive: Path) -> None:
    """Remove an archive, and its folder when nothing else is in it."""
    archive.unlink(missing_ok=True)
    if archive.parent.is_dir() and not os.listdir(archive.parent):
        archive.parent.rmdir()


def generated_metadata(folder: Path, name: str, dependencies: Sequence[str]) -> str | None:
    """Return the pyproject.toml that a folder is given; None when it has metadata of its own."""
    if (folder / "pyproject.toml").exists():
        return None
    if any((folder / legacy).exists() for legacy in _LEGACY_METADATA):
        if dependencies:
            _log.warning(
                "the dependencies of the Runner %r are ignored: %s has a setup.py or setup.cfg; "
                "name them there",
                name,
                folder,
            )
        return None
    # Strings of JSON are strings of TOML.
    listed = "".join(
        f"    {json.dumps(each, ensure_ascii=False)},\n" for each in sorted(dependencies)
    )
    return (
        "[build-system]\n"
        'requires = ["setuptools>=61.0", "wheel"]\n'
        'build-backend = "setuptools.build_meta"\n\n'
        "[project]\n"
        f"name = {json.dumps(name, ensure_ascii=False)}\n"
        'version = "0.1.0"\n'
        'requires-python = ">=3.9"\n'
        f"dependencies = [\n{listed}]\n\n"
        "[tool.setuptools]\n"
        "py-modules = []\n"
    )


def _keeper(excludes: Sequence[str]) -> Callable[[tarfile.TarInfo], tarfile.TarInfo | None]:
    def keep(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        base = os.path.basename(info.name)
        if any(
            fnmatch.fnmatch(info.name, each) or fnmatch.fnmatch(base, each) for each in excludes
        ):
            return None
        # Who has the files here means nothing there.
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    return keep
