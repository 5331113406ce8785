"""Arrow Flight calls to the object cache (docs/object-cache.md).

pyarrow is imported on first use: clients that send no large objects never pay for it.
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flamepy._codec import Buffer
from flamepy._config import FlameClientTls, current_context
from flamepy._credentials import authorization, certificate, trust_roots
from flamepy._errors import FlameError, FlameErrorCode
from flamepy._forks import refuse_in_forked_child
from flamepy._native import is_native, version_of
from flamepy._proxy import channel_options, proxy_text
from flamepy._shared import SHARE_HEADER, SHARED_BYTES_MIN, NotShared, Share, Shares

#: An opaque object is one Arrow cell with 32-bit offsets.
OBJECT_BYTES_MAX = 2**31 - 1
#: Rows of an upload: the cache concatenates them, and neither side buffers the whole object twice.
_CHUNK_BYTES = 2 * 1024 * 1024
_CALL_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_RETRY_FIRST_SECONDS = 0.05
#: Metadata of a conditional put: the version the caller believes is the current one.
EXPECTED_VERSION_HEADER = b"flame-expected-version"

_clients: dict[tuple[str, object], Any] = {}
_clients_lock = threading.Lock()
_shares = Shares()
_used_by: int | None = None


class VersionConflict(FlameError):
    """A conditional put found another version than the expected one; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.INVALID_STATE, message)


def put(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    cell: Buffer,
    expected_version: int | None = None,
) -> bytes:
    """Put opaque bytes at ``path`` and return the BSON reference that the cache answered.

    Args:
        path: ``<application>/<session>``, and the cache invents an id, or a full key.
        cell: the bytes.
        expected_version: write only when this is the object's current version.

    Raises:
        VersionConflict: the current version is another one.
        FlameError: the object is too large, or the cache cannot be reached or refuses.
    """
    if len(cell) > OBJECT_BYTES_MAX:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"object for {path!r} has {len(cell)} bytes; the object cache takes at most "
            f"{OBJECT_BYTES_MAX}: put it in parts",
        )
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_path(path)
    if len(cell) >= SHARED_BYTES_MIN:
        answer = _put_file(endpoint, tls, path, descriptor, cell, expected_version)
        if answer is not None:
            return answer
    return _put(
        endpoint,
        tls,
        path,
        descriptor,
        _opaque_schema(),
        lambda: _opaque_batches(cell),
        expected_version,
    )


def put_stream(
    endpoint: str, tls: FlameClientTls | None, path: str, chunks: Callable[[], Iterator[bytes]]
) -> bytes:
    """Put opaque bytes that arrive in parts; ``chunks`` is called anew for each try."""
    import pyarrow.flight

    return _put(
        endpoint,
        tls,
        path,
        pyarrow.flight.FlightDescriptor.for_path(path),
        _opaque_schema(),
        lambda: (_opaque_batch(chunk) for chunk in chunks()),
        None,
    )


def put_table(endpoint: str, tls: FlameClientTls | None, path: str, table: Any) -> bytes:
    """Put a marked table (see ``_native``) at ``path``."""
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_path(path)
    return _put(endpoint, tls, path, descriptor, table.schema, table.to_batches, None)


def patch(endpoint: str, tls: FlameClientTls | None, key: str, cell: Buffer) -> bytes:
    """Append a patch to an object."""
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_command(f"PATCH:{key}".encode())
    batches = [_opaque_batch(cell)]
    return _put(endpoint, tls, key, descriptor, _opaque_schema(), lambda: batches, None)


def get(endpoint: str, tls: FlameClientTls | None, key: str, version: int) -> Any:
    """Fetch an object: ``(schema, batches, files)`` as pyarrow gives them.

    ``files`` has, for each batch, the mapped file that holds the bytes of its only row, or None.

    Args:
        version: the version the caller holds; no batches mean that it is still the current one.
    """

    def fetch(share: Share | None) -> Any:
        import pyarrow.flight

        ticket = pyarrow.flight.Ticket(f"{key}:{version}".encode())
        options = _options(endpoint, tls, share=share)
        reader = _client(endpoint, tls).do_get(ticket, options=options)
        schema = reader.schema
        batches, files = [], []
        for chunk in reader:
            if chunk.data is None:
                continue
            named = share is not None and chunk.app_metadata is not None
            batches.append(chunk.data)
            files.append(share.mapped(chunk.app_metadata.to_pybytes()) if share and named else None)
        return schema, batches, files

    def call() -> Any:
        share = _share(endpoint, tls)
        try:
            return fetch(share)
        except NotShared:
            # Replaced or deleted since it was named, or another cache's by now.
            _shares.forget(_location(endpoint))
            return fetch(None)

    return _reported(call, endpoint, f"get object {key!r}", retry=True)


def delete(endpoint: str, tls: FlameClientTls | None, key: str) -> None:
    """Delete an object, or all under a prefix."""

    def send() -> None:
        import pyarrow.flight

        action = pyarrow.flight.Action("DELETE", key.encode())
        if not list(_client(endpoint, tls).do_action(action, options=_options(endpoint, tls))):
            raise ValueError(f"the object cache at {endpoint} did not confirm deleting {key!r}")

    _reported(send, endpoint, f"delete {key!r}", retry=True)


def is_table(schema: Any) -> bool:
    """Whether a fetched object is a table."""
    return is_native(schema)


def table_version(schema: Any) -> int:
    """Return the version of a fetched table."""
    return version_of(schema)


def forget_clients() -> None:
    """Close all connections to object caches."""
    _shares.forget()
    with _clients_lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


def _put(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    descriptor: Any,
    schema: Any,
    batches: Callable[[], Any],
    expected_version: int | None,
    share: Share | None = None,
    file: bytes | None = None,
) -> bytes:
    def send() -> bytes:
        writer, reader = _client(endpoint, tls).do_put(
            descriptor, schema, options=_options(endpoint, tls, expected_version, share)
        )
        with writer:
            for batch in batches():
                if file is None:
                    writer.write_batch(batch)
                else:
                    writer.write_with_metadata(batch, file)
            writer.done_writing()
            answer = reader.read()
        if answer is None:
            raise ValueError(f"the object cache at {endpoint} did not confirm {path!r}")
        return bytes(memoryview(answer))

    # A put whose reply was lost may have happened: it is repeated only where that does no harm,
    # with a new id or against an expected version.
    retry = path.count("/") == 1 or expected_version is not None
    return _reported(send, endpoint, f"put object {path!r}", retry=retry)


def _put_file(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    descriptor: Any,
    cell: Buffer,
    expected_version: int | None,
) -> bytes | None:
    """Put through a file; None when that is not possible, and nothing was put."""
    try:
        share = _share(endpoint, tls)
        if share is None:
            return None
        with share.written(cell) as file:
            schema, row = _opaque_schema(), [_opaque_batch(b"")]
            where = (endpoint, tls, path, descriptor)
            return _put(*where, schema, lambda: row, expected_version, share, file)
    except NotShared:
        return None
    except FlameError as error:
        if "shared folder" not in str(error):
            raise
        _shares.forget(_location(endpoint))
        return None


def _share(endpoint: str, tls: FlameClientTls | None) -> Share | None:
    """Return the folder of the configured cache: a reference can name any server."""
    location = _location(endpoint)
    if location != _location(current_context().cache_endpoint):
        return None
    return _shares.of(location, _client(endpoint, tls), _options(endpoint, tls))


def _reported[T](call: Callable[[], T], endpoint: str, what: str, retry: bool) -> T:
    """Run a Flight call; repeat while the cache cannot be reached; give its errors our form."""
    import pyarrow
    import pyarrow.flight

    deadline = time.monotonic() + _RETRY_SECONDS
    pause = _RETRY_FIRST_SECONDS
    while True:
        try:
            return call()
        except pyarrow.flight.FlightUnavailableError as error:
            if not retry or time.monotonic() + pause > deadline:
                raise FlameError(
                    FlameErrorCode.INTERNAL,
                    f"cannot {what}: no object cache answers at {endpoint}"
                    f"{proxy_text(_host(endpoint))}; "
                    f"is it running, and is FLAME_CACHE_ENDPOINT right? ({_text(error)})",
                ) from error
        except KeyError as error:
            raise FlameError(
                FlameErrorCode.NOT_FOUND, f"cannot {what}: not found at {endpoint}: {_text(error)}"
            ) from error
        except (pyarrow.ArrowException, OSError) as error:
            text = _text(error)
            if "expected version" in text:
                raise VersionConflict(f"cannot {what}: {text}") from error
            invalid = isinstance(error, pyarrow.ArrowInvalid)
            code = FlameErrorCode.INVALID_ARGUMENT if invalid else FlameErrorCode.INTERNAL
            raise FlameError(code, f"cannot {what} at {endpoint}: {text}") from error
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _text(error: BaseException) -> str:
    """Return what the cache said, without what pyarrow puts around it."""
    text = str(error.args[0]) if error.args else type(error).__name__
    text = re.split(r"\. (?:gRPC client debug|Client) context:", text)[0]
    return text.split(" error, with message: ", 1)[-1]


def _client(endpoint: str, tls: FlameClientTls | None) -> Any:
    import pyarrow.flight

    global _used_by
    refuse_in_forked_child(_used_by)
    _used_by = os.getpid()
    location = _location(endpoint)
    files = (tls.ca_file, tls.cert_file, tls.key_file) if tls else None
    with _clients_lock:
        client = _clients.get((location, files))
        if client is None:
            generic = channel_options(_host(endpoint))
            options: dict[str, Any] = {"generic_options": generic}
            if location.startswith("grpc+tls://"):
                own = certificate(tls)
                options["tls_root_certs"] = trust_roots(tls)
                if own is not None:
                    options["cert_chain"], options["private_key"] = own
            try:
                client = pyarrow.flight.FlightClient(location, **options)
            except (pyarrow.ArrowException, ValueError) as error:
                raise FlameError(
                    FlameErrorCode.INVALID_CONFIG,
                    f"object cache endpoint {endpoint!r}: {_text(error)}; "
                    "expected grpc://host:port or grpcs://host:port",
                ) from error
            _clients[location, files] = client
        return client


def _options(
    endpoint: str,
    tls: FlameClientTls | None,
    expected_version: int | None = None,
    share: Share | None = None,
) -> Any:
    import pyarrow.flight

    # Names the call in the log of the cache.
    headers = [(b"flame-request-id", str(uuid.uuid4()).encode())]
    bearer = authorization(tls) if _trusted(endpoint, tls) else None
    if bearer is not None:
        headers.append((b"authorization", bearer.encode()))
    if expected_version is not None:
        headers.append((EXPECTED_VERSION_HEADER, str(expected_version).encode()))
    if share is not None:
        headers.append((SHARE_HEADER, share.proof))
    return pyarrow.flight.FlightCallOptions(timeout=_CALL_SECONDS, headers=headers)


def _trusted(endpoint: str, tls: FlameClientTls | None) -> bool:
    """Whether the token may go there: a reference can name any server.

    It goes to the configured cache, and to one that our own authority vouches for.
    """
    location = _location(endpoint)
    if location == _location(current_context().cache_endpoint):
        return True
    return location.startswith("grpc+tls://") and tls is not None and bool(tls.ca_file)


def _location(endpoint: str) -> str:
    """Return an endpoint as Arrow Flight writes it."""
    location = endpoint.rstrip("/")
    if location.startswith("grpcs://"):
        location = "grpc+tls://" + location.removeprefix("grpcs://")
    return location


def _host(endpoint: str) -> str:
    """Return the host of an endpoint; empty when it has none."""
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""  # Whoever dials it says what is wrong with it.


def _opaque_schema() -> Any:
    import pyarrow

    return pyarrow.schema([("version", pyarrow.uint64()), ("data", pyarrow.binary())])


def _opaque_batches(cell: Buffer) -> Iterator[Any]:
    view = memoryview(cell)
    for start in range(0, max(len(view), 1), _CHUNK_BYTES):
        yield _opaque_batch(view[start : start + _CHUNK_BYTES])


def _opaque_batch(cell: Buffer) -> Any:
    import pyarrow

    # From buffers, so that the bytes are sent from where they lie.
    offsets = pyarrow.array([0, len(cell)], pyarrow.int32()).buffers()[1]
    data = pyarrow.Array.from_buffers(pyarrow.binary(), 1, [None, offsets, pyarrow.py_buffer(cell)])
    version = pyarrow.array([0], pyarrow.uint64())
    return pyarrow.RecordBatch.from_arrays([version, data], schema=_opaque_schema())
