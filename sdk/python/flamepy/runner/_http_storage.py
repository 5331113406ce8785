"""A web server for packages, which takes PUT and DELETE."""

from __future__ import annotations

import logging
from typing import IO, Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy.runner._storage_backend import StorageBackend, made_parent

_ANSWER_BYTES_SHOWN = 1000
_log = logging.getLogger("flamepy.runner")


@public("flamepy.runner.storage")
class HttpStorage(StorageBackend):
    """A web server.

    Args:
        storage_base: ``http(s)://host/path/``; names of files follow it.
        upload_timeout: in seconds, without anything being sent or received.
        delete_timeout: likewise.
        download_timeout: likewise.

    Raises:
        FlameError: INVALID_CONFIG, when the URL has another scheme.
    """

    def __init__(
        self,
        storage_base: str,
        upload_timeout: int = 300,
        delete_timeout: int = 60,
        download_timeout: int = 300,
    ) -> None:
        if not storage_base.startswith(("http://", "https://")):
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG, f"Invalid HTTP storage URL: {storage_base}"
            )
        self._base = storage_base.rstrip("/") + "/"
        self._upload_timeout = upload_timeout
        self._delete_timeout = delete_timeout
        self._download_timeout = download_timeout

    def upload(self, local_path: str, filename: str) -> str:
        """PUT a file there; see :class:`StorageBackend`."""
        url = self._base + filename
        try:
            with open(local_path, "rb") as file, _call("PUT", url, self._upload_timeout, file):
                return url
        except OSError as error:
            raise _failure(f"Failed to upload package to {url}", error) from error

    def delete(self, filename: str) -> None:
        """DELETE a file; see :class:`StorageBackend`."""
        url = self._base + filename
        try:
            _call("DELETE", url, self._delete_timeout).close()
        except OSError as error:
            if getattr(error, "code", None) != 404:
                _log.warning("%s", _failure(f"Failed to delete package from {url}", error).message)

    def download(self, filename: str, local_path: str) -> None:
        """GET a file; see :class:`StorageBackend`."""
        import shutil

        url = self._base + filename
        try:
            with _call("GET", url, self._download_timeout) as answer:
                with made_parent(local_path).open("wb") as file:
                    shutil.copyfileobj(answer, file)
        except OSError as error:
            raise _failure(f"Failed to download package from {url}", error) from error


def _call(method: str, url: str, seconds: int, body: IO[bytes] | None = None) -> Any:
    """Return the answer, whose status is one of success; others are an OSError."""
    # Not at the top: few who use flamepy have packages on web servers.
    import os
    import urllib.request

    request = urllib.request.Request(url, data=body, method=method)
    if body is not None:
        request.add_header("Content-Length", str(os.fstat(body.fileno()).st_size))
        request.add_header("Content-Type", "application/octet-stream")
    return urllib.request.urlopen(request, timeout=seconds)


def _failure(what: str, error: OSError) -> FlameError:
    status = getattr(error, "code", None)
    if status is None:
        return FlameError(FlameErrorCode.INTERNAL, f"{what}: {getattr(error, 'reason', error)}")
    answer: Any = error
    text = answer.read(_ANSWER_BYTES_SHOWN).decode("utf-8", "replace")
    return FlameError(FlameErrorCode.INTERNAL, f"{what}: HTTP {status} - {text}")
