"""A folder for packages, which the nodes see as well."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy.runner._storage_backend import StorageBackend, made_parent

_log = logging.getLogger("flamepy.runner")


@public("flamepy.runner.storage")
class FileStorage(StorageBackend):
    """A folder.

    Args:
        storage_base: ``file:///folder``; the folder exists.

    Raises:
        FlameError: INVALID_CONFIG, when the URL has another form or the folder does not exist.
    """

    def __init__(self, storage_base: str) -> None:
        url = urlsplit(storage_base)
        if url.scheme != "file" or url.netloc not in ("", "localhost"):
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                f"Invalid file storage URL: {storage_base}; expected file:///absolute/folder",
            )
        self._folder = Path(unquote(url.path))
        if not self._folder.is_dir():
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG, f"Storage directory does not exist: {self._folder}"
            )

    def upload(self, local_path: str, filename: str) -> str:
        """Copy a file there; see :class:`StorageBackend`."""
        dest = self._folder / filename
        try:
            _replace(local_path, dest)
        except OSError as error:
            raise FlameError(
                FlameErrorCode.INTERNAL, f"Failed to copy package to storage {dest}: {error}"
            ) from error
        return dest.as_uri()

    def delete(self, filename: str) -> None:
        """Delete a file; see :class:`StorageBackend`."""
        try:
            (self._folder / filename).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cannot remove the package from storage: %s", error)

    def download(self, filename: str, local_path: str) -> None:
        """Copy a file from there; see :class:`StorageBackend`."""
        source = self._folder / filename
        if not source.exists():
            raise FlameError(FlameErrorCode.INTERNAL, f"File not found in storage: {source}")
        import shutil

        try:
            shutil.copyfile(source, made_parent(local_path))
        except OSError as error:
            raise FlameError(
                FlameErrorCode.INTERNAL, f"Failed to download package from storage: {error}"
            ) from error


def _replace(source: str, dest: Path) -> None:
    """Copy so that a node never reads half a file, nor one of an earlier run."""
    # Not at the top: every service imports this package, and none stores a file.
    import shutil
    import tempfile

    handle, partial = tempfile.mkstemp(prefix=f".{dest.name}.", dir=dest.parent)
    os.close(handle)
    try:
        shutil.copy2(source, partial)
        os.replace(partial, dest)
    except BaseException:
        os.unlink(partial)
        raise
