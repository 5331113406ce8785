"""What of a list of packages lies on this machine, as objects that nodes fetch."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from flamepy._model.errors import FlameError, FlameErrorCode, ObjectNotFoundError
from flamepy._objects import flight
from flamepy._objects.objects import ObjectRef, configured_cache, get_cell, upload_object
from flamepy._packages.lists import LocalPackage, read_packages
from flamepy.runner._archive import EXCLUDES
from flamepy.runner._cache_storage import url_of

#: Files of a project in all; what is larger is data, and belongs into the object cache.
PROJECT_BYTES_MAX = 100 * 1024 * 1024
_UNIT = 1024


def shipped(packages: Sequence[str], prefix: str) -> list[str]:
    """Return a list of packages as nodes take it: what lies here is uploaded.

    Args:
        packages: requirements, paths and urls.
        prefix: ``<application>/<session>`` of the uploads, which are deleted with that session.

    Raises:
        TypeError: it is no list of texts.
        FlameError: INVALID_ARGUMENT, naming the entry; or the object cache cannot be reached.
    """
    found = [(each, _archived(each)) for each in read_packages(packages)]
    return [
        each if isinstance(each, str) else _uploaded(each, data, prefix) for each, data in found
    ]


def _archived(package: str | LocalPackage) -> bytes:
    """Return the archive of a project; nothing of anything else, whose size is looked at."""
    if isinstance(package, str):
        return b""
    if package.is_project:
        return pack_project(package.path)
    size = package.path.stat().st_size
    if size == 0 or size > flight.OBJECT_BYTES_MAX:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"packages: {package.path} has {size} bytes; expected 1 to {flight.OBJECT_BYTES_MAX}",
        )
    return b""


def _uploaded(package: LocalPackage, archive: bytes, prefix: str) -> str:
    if not package.is_project:
        return _put(package.path, package.path.name, prefix)
    with tempfile.TemporaryDirectory(prefix="flamepy-") as folder:
        path = Path(folder) / f"{package.path.name or 'project'}.tar.gz"
        path.write_bytes(archive)
        return _put(path, path.name, prefix)


def _put(path: Path, name: str, prefix: str) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    safe = "".join(each if each.isalnum() or each in "._+-" else "_" for each in name)
    key = f"{prefix}/{digest[:16]}.{safe.replace('..', '_')}"
    ref = ObjectRef(configured_cache(), key)
    try:
        get_cell(ref, 1)  # As it was put first: nothing but an answer travels.
    except ObjectNotFoundError:
        ref = upload_object(key, str(path))
    return f"{url_of(ObjectRef(ref.endpoint, quote(ref.key)))}#sha256={digest}"


def pack_project(folder: Path) -> bytes:
    """Return a ``.tar.gz`` of a project: what git tracks, or else all but what tools leave.

    The same files make the same bytes. How many they are and how large is said on stderr.

    Raises:
        FlameError: INVALID_ARGUMENT, when they are too large.
    """
    tracked = _tracked(folder)
    names = _all_files(folder) if tracked is None else tracked
    sizes = {name: (folder / name).stat().st_size for name in names}
    total = sum(sizes.values())
    if total > PROJECT_BYTES_MAX:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        listed = ", ".join(f"{name} ({_size(sizes[name])})" for name in largest)
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"packages: {folder} has {_size(total)} in {len(names)} files, expected at most "
            f"{_size(PROJECT_BYTES_MAX)}; the largest are {listed}. Data goes with "
            "flamepy.put_object, and what git does not track stays out",
        )
    archive = _archive(folder, names)
    what = "files" if tracked is None else "files that git tracks"
    sys.stderr.write(
        f"flamepy: {folder}: {len(names)} {what}, {_size(total)}, packed {_size(len(archive))}\n"
    )
    return archive


def _tracked(folder: Path) -> list[str] | None:
    """Return the files that git tracks; None when it tracks none of the project's own."""
    git = ["git", "-C", str(folder), "ls-files", "-z"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    names = sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)
    # What was deleted is still listed, and so are folders of submodules.
    there = [name for name in names if (folder / name).is_file()]
    return there if any(name in ("pyproject.toml", "setup.py") for name in there) else None


def _all_files(folder: Path) -> list[str]:
    import fnmatch

    def kept(name: str) -> bool:
        return not any(fnmatch.fnmatch(name, each) for each in EXCLUDES)

    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if kept(name)]
        inner = Path(root).relative_to(folder)
        found += [str(inner / name) for name in files if kept(name)]
    return sorted(name for name in found if (folder / name).is_file())


def _archive(folder: Path, names: Sequence[str]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        for name in names:
            data = (folder / name).read_bytes()
            info = tarfile.TarInfo(f"project/{name}")
            info.size = len(data)
            info.mode = 0o755 if os.access(folder / name, os.X_OK) else 0o644
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _size(size: int) -> str:
    if size < _UNIT:
        return f"{size} bytes"
    return f"{size / _UNIT:.0f} KiB" if size < _UNIT**2 else f"{size / _UNIT**2:.1f} MiB"
