"""Where a Runner's package goes: a folder, a web server or the object cache."""

from __future__ import annotations

from urllib.parse import urlsplit

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy.runner._cache_storage import CacheStorage
from flamepy.runner._file_storage import FileStorage
from flamepy.runner._http_storage import HttpStorage
from flamepy.runner._storage_backend import StorageBackend

__all__ = [
    "CacheStorage",
    "FileStorage",
    "FlameError",
    "FlameErrorCode",
    "HttpStorage",
    "StorageBackend",
    "create_storage_backend",
]


def create_storage_backend(
    storage_base: str | None = None, app_name: str | None = None
) -> StorageBackend:
    """Return the place that a URL names.

    Args:
        storage_base: ``file:///folder``, ``http(s)://host/path/`` or ``grpc(s)://host:port``; None
            for the configured object cache.
        app_name: the application; the object cache needs it.

    Raises:
        FlameError: INVALID_CONFIG, when the URL has another scheme or cannot be used.
    """
    if storage_base is None:
        return CacheStorage(app_name=app_name)
    scheme = urlsplit(storage_base).scheme
    if scheme == "file":
        return FileStorage(storage_base)
    if scheme in ("http", "https"):
        return HttpStorage(storage_base)
    if scheme in ("grpc", "grpcs"):
        return CacheStorage(storage_base, app_name)
    raise FlameError(
        FlameErrorCode.INVALID_CONFIG,
        f"Unsupported storage scheme {scheme!r} of {storage_base!r}. "
        "Supported: file://, http://, https://, grpc://, grpcs://",
    )
