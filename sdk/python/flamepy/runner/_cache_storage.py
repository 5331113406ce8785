"""The object cache for packages, from which nodes fetch them."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flamepy._client.config import current_context
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy._names.short import PACKAGES_SESSION
from flamepy._objects.objects import ObjectRef, at_cache
from flamepy.core import cache
from flamepy.runner._storage_backend import StorageBackend, made_parent

_DEFAULT_PORT = 9090
_log = logging.getLogger("flamepy.runner")


@public("flamepy.runner.storage")
class CacheStorage(StorageBackend):
    """An object cache; packages are objects ``<application>/pkg/<file>``.

    Args:
        storage_base: ``grpc://host:port`` or ``grpcs://host:port``; None for the configured cache.
        app_name: the application.

    Raises:
        FlameError: INVALID_CONFIG, when the URL has another scheme or no host.
    """

    def __init__(self, storage_base: str | None = None, app_name: str | None = None) -> None:
        named = storage_base or current_context().cache_endpoint
        url = urlsplit(named)
        if url.scheme not in ("grpc", "grpcs", "grpc+tls") or not url.hostname:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                f"Invalid cache storage URL: {named}; expected grpc://host:port or "
                "grpcs://host:port",
            )
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        self._endpoint = f"{url.scheme}://{host}:{url.port or _DEFAULT_PORT}"
        self._app_name = app_name

    def upload(self, local_path: str, filename: str) -> str:
        """Put a file there; see :class:`StorageBackend`."""
        key = self._key(filename, "upload")
        try:
            with at_cache(self._endpoint):
                ref = cache.upload_object(key, local_path)
        except (FlameError, OSError, ValueError) as error:
            raise _failure("upload package to cache", error) from error
        return url_of(ref)

    def delete(self, filename: str) -> None:
        """Delete a file; see :class:`StorageBackend`."""
        if not self._app_name:
            return
        try:
            with at_cache(self._endpoint):
                cache.delete_objects(self._key(filename, "delete"))
        except (FlameError, ValueError) as error:
            _log.warning("%s", _failure("delete package from cache", error).message)

    def download(self, filename: str, local_path: str) -> None:
        """Write a file from there; see :class:`StorageBackend`."""
        ref = ObjectRef(self._endpoint, self._key(filename, "download"))
        try:
            cache.download_object(ref, str(made_parent(local_path)))
        except (FlameError, OSError, ValueError) as error:
            raise _failure("download package from cache", error) from error

    def _key(self, filename: str, what: str) -> str:
        if not self._app_name:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG, f"app_name is required for {what} of {filename}"
            )
        return f"{self._app_name}/{PACKAGES_SESSION}/{filename}"


def url_of(ref: ObjectRef) -> str:
    """Return the URL as nodes take it: their word for TLS is another than that of references."""
    endpoint = ref.endpoint
    if endpoint.startswith("grpc+tls://"):
        endpoint = "grpcs://" + endpoint.removeprefix("grpc+tls://")
    return f"{endpoint.rstrip('/')}/{ref.key.lstrip('/')}"


def _failure(what: str, error: Exception) -> FlameError:
    text = error.message if isinstance(error, FlameError) else error
    return FlameError(FlameErrorCode.INTERNAL, f"Failed to {what}: {text}")
