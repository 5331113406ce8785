"""Arrow Flight calls to the object cache (docs/object-cache.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flamepy._client.config import FlameClientTls, FlameContext
from flamepy._model.errors import FlameError, FlameErrorCode, FlameValueError
from flamepy._objects.cache_types import OBJECT_FIELD_DATA, OBJECT_RESPONSE_FIELD_KIND
from flamepy._objects.connections import client_of, forget_share, options_of, proving, share_of
from flamepy._objects.flight_batches import bytes_of, opaque_batch, opaque_schema
from flamepy._objects.flight_errors import reported
from flamepy._objects.shared import SHARED_BYTES_MIN, NotShared, Share
from flamepy._objects.small_calls import SMALL_BYTES_MAX, Lost
from flamepy._objects.split_rows import SPLIT_ROWS_HEADER, joined, split_size
from flamepy._values.cell import Buffer, Cell
from flamepy._values.native import is_native, version_of

#: An opaque object is one Arrow cell with 32-bit offsets.
OBJECT_BYTES_MAX = 2**31 - 1
#: Rows of an upload: the cache concatenates them, and neither side buffers the whole object twice.
_CHUNK_BYTES = 2 * 1024 * 1024
#: Metadata of a conditional put: the version the caller believes is the current one.
EXPECTED_VERSION_HEADER = b"flame-expected-version"
#: Metadata of a put: whether it is to outlive a power cut.
_DURABLE_HEADER = b"flame-durable"
#: Metadata of a put: how many batches come. Fewer of them are no object.
_BATCHES_HEADER = b"flame-batches"


#: The batches of a put, each with the description of the file that has its bytes, while it is sent.
_Rows = contextlib.AbstractContextManager[Iterable[tuple[Any, bytes | None]]]


@dataclass(frozen=True)
class _Put:
    """What is put where."""

    endpoint: str
    tls: FlameClientTls | None
    path: str
    descriptor: Any
    schema: Any
    expected_version: int | None = None
    durable: bool = True

    def options(self, batches: int, share: Share | None) -> Any:
        headers = [(_BATCHES_HEADER, str(batches).encode()), *proving(share)]
        if self.expected_version is not None:
            headers.append((EXPECTED_VERSION_HEADER, str(self.expected_version).encode()))
        if not self.durable:
            headers.append((_DURABLE_HEADER, b"false"))
        return options_of(self.endpoint, self.tls, tuple(headers))


def put(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    cell: Cell,
    expected_version: int | None = None,
    durable: bool = True,
) -> bytes:
    """Put opaque bytes at ``path`` and return the BSON reference that the cache answered.

    Args:
        path: ``<application>/<session>``, and the cache invents an id, or a full key.
        cell: the bytes.
        expected_version: write only when this is the object's current version.
        durable: False has the cache answer before the bytes are on its disk; at a prefix only.

    Raises:
        VersionConflict: the current version is another one.
        FlameError: the object is too large, or the cache cannot be reached or refuses.
    """
    if cell.size > OBJECT_BYTES_MAX:
        raise FlameValueError(
            f"object for {path!r} has {cell.size} bytes; the object cache takes at most "
            f"{OBJECT_BYTES_MAX}: put it in parts"
        )
    if cell.size <= SMALL_BYTES_MAX and path.count("/") == 1:
        answer = _put_small(endpoint, tls, path, cell, durable)
        if answer is not None:
            return answer
    where = _opaque(endpoint, tls, path, expected_version, durable)
    if cell.size >= SHARED_BYTES_MIN:
        answer = _put_files(where, cell)
        if answer is not None:
            return answer
    rows = cell.rows(_CHUNK_BYTES)
    return _put(where, len(rows), lambda: map(opaque_batch, rows))


def put_stream(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    count: int,
    chunks: Callable[[], Iterator[bytes]],
    durable: bool,
) -> bytes:
    """Put opaque bytes that arrive in ``count`` parts; ``chunks`` is called anew for each try."""
    where = _opaque(endpoint, tls, path, None, durable)
    return _put(where, count, lambda: map(opaque_batch, chunks()))


def put_table(
    endpoint: str, tls: FlameClientTls | None, path: str, table: Any, durable: bool
) -> bytes:
    """Put a marked table (see ``_values.native``) at ``path``."""
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_path(path)
    batches = table.to_batches()
    where = _Put(endpoint, tls, path, descriptor, table.schema, durable=durable)
    return _put(where, len(batches), lambda: batches)


def patch(endpoint: str, tls: FlameClientTls | None, key: str, cell: Buffer) -> bytes:
    """Append a patch to an object."""
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_command(f"PATCH:{key}".encode())
    batches = [opaque_batch(cell)]
    return _put(_Put(endpoint, tls, key, descriptor, opaque_schema()), 1, lambda: batches)


def get(
    endpoint: str, tls: FlameClientTls | None, key: str, version: int, plain: bool = False
) -> Any:
    """Fetch an object: ``(schema, batches, elsewhere)``, the first two as pyarrow gives them.

    ``elsewhere`` has, for each batch, None, or what holds the bytes of its only row: a file, or the
    joined bytes of this and further batches.

    Args:
        version: the version the caller holds; no batches mean that it is still the current one.
        plain: have joined bytes that are a pickle of bytes alone as :class:`PlainBytes`.
    """

    def fetch(share: Share | None) -> Any:
        import pyarrow.flight

        ticket = pyarrow.flight.Ticket(f"{key}:{version}".encode())
        headers = (SPLIT_ROWS_HEADER,) if share is None else proving(share)
        reader = client_of(endpoint, tls).do_get(ticket, options_of(endpoint, tls, headers))
        schema = reader.schema
        batches: list[Any] = []
        elsewhere: list[Any] = []
        for chunk in reader:
            if chunk.data is None:
                continue
            said = chunk.app_metadata
            if said is None or is_native(schema):
                elsewhere.append(None)
            elif share is not None:
                elsewhere.append(share.piece(said.to_pybytes()))
            else:
                elsewhere.append(_joined(chunk, reader, plain))
            batches.append(chunk.data)
        return schema, batches, elsewhere

    def call() -> Any:
        share = share_of(endpoint, tls)
        try:
            return fetch(share)
        except NotShared:
            # Replaced or deleted since it was named, or another cache's by now.
            forget_share(endpoint)
            return fetch(None)

    return reported(call, endpoint, tls, f"get object {key!r}", retry=True)


def get_small(
    endpoint: str, context: FlameContext, key: str, version: int
) -> tuple[int, memoryview | None] | None:
    """Fetch version and bytes of a small object without patches from the cache of this host.

    No bytes mean that ``version`` is the current one; None, that :func:`get` has to fetch it.
    """
    share = share_of(endpoint, context.cache_tls, context.cache_endpoint)
    if share is None or share.small is None:
        return None
    try:
        return share.small.get(key, version)
    except Lost:
        forget_share(endpoint)
        return None


def delete(endpoint: str, tls: FlameClientTls | None, key: str) -> None:
    """Delete an object, or all under a prefix."""

    def send() -> None:
        import pyarrow.flight

        action = pyarrow.flight.Action("DELETE", key.encode())
        options = options_of(endpoint, tls)
        if not list(client_of(endpoint, tls).do_action(action, options=options)):
            raise ValueError(f"the object cache at {endpoint} did not confirm deleting {key!r}")

    reported(send, endpoint, tls, f"delete {key!r}", retry=True)


def is_table(schema: Any) -> bool:
    """Whether a fetched object is a table."""
    return is_native(schema)


def table_version(schema: Any) -> int:
    """Return the version of a fetched table."""
    return version_of(schema)


def _joined(first: Any, reader: Any, plain: bool) -> Any:
    """Return the bytes of the row and of those behind it that it says belong to it."""

    def following() -> Buffer:
        try:
            return _only_row(reader.read_chunk().data)
        except StopIteration as error:
            raise FlameError(
                FlameErrorCode.INTERNAL, "the rows of an object ended before all of its bytes came"
            ) from error

    size = split_size(first.app_metadata.to_pybytes())
    is_base = first.data.column(OBJECT_RESPONSE_FIELD_KIND)[0].as_py() == "base"
    return joined(size, _only_row(first.data), following, plain and is_base)


def _only_row(batch: Any) -> Buffer:
    return bytes_of(batch.column(OBJECT_FIELD_DATA), 0)


def _opaque(
    endpoint: str,
    tls: FlameClientTls | None,
    path: str,
    expected_version: int | None,
    durable: bool,
) -> _Put:
    import pyarrow.flight

    descriptor = pyarrow.flight.FlightDescriptor.for_path(path)
    return _Put(endpoint, tls, path, descriptor, opaque_schema(), expected_version, durable)


def _put_small(
    endpoint: str, tls: FlameClientTls | None, prefix: str, cell: Cell, durable: bool
) -> bytes | None:
    """Put at a prefix; None when a call has to do it.

    It may have been put all the same, under an id that nobody knows: as with a call that is
    repeated because its answer was lost.
    """
    share = share_of(endpoint, tls)
    if share is None or share.small is None:
        return None
    try:
        return share.small.put(prefix, cell.joined(), durable)
    except Lost:
        forget_share(endpoint)
        return None


def _put(where: _Put, count: int, batches: Callable[[], Iterable[Any]]) -> bytes:
    def rows() -> _Rows:
        return contextlib.nullcontext((batch, None) for batch in batches())

    return _sent(where, where.options(count, None), rows)


def _put_files(where: _Put, cell: Cell) -> bytes | None:
    """Put through files; None when that is not possible, and nothing was put."""
    try:
        share = share_of(where.endpoint, where.tls)
        if share is None:
            return None
        row = opaque_batch(b"")

        @contextlib.contextmanager
        def rows() -> Iterator[Iterable[tuple[Any, bytes | None]]]:
            with share.written(cell) as descriptions:
                yield ((row, description) for description in descriptions)

        return _sent(where, where.options(share.files_for(cell), share), rows)
    except NotShared:
        return None
    except FlameError as error:
        if "shared folder" not in str(error):
            raise
        forget_share(where.endpoint)
        return None


def _sent(where: _Put, options: Any, rows: Callable[[], _Rows]) -> bytes:
    def send() -> bytes:
        with rows() as given:
            client = client_of(where.endpoint, where.tls)
            writer, reader = client.do_put(where.descriptor, where.schema, options=options)
            answer = _answered(writer, reader, given)
        if answer is None:
            raise ValueError(f"the object cache at {where.endpoint} did not confirm {where.path!r}")
        return bytes(memoryview(answer))

    # A put whose reply was lost may have happened: it is repeated only where that does no harm,
    # with a new id or against an expected version.
    retry = where.path.count("/") == 1 or where.expected_version is not None
    return reported(send, where.endpoint, where.tls, f"put object {where.path!r}", retry=retry)


def _answered(writer: Any, reader: Any, rows: Iterable[tuple[Any, bytes | None]]) -> Any:
    """Write what is put, and return what the cache answered."""
    import pyarrow

    try:
        for batch, description in rows:
            if description is None:
                writer.write_batch(batch)
            else:
                writer.write_with_metadata(batch, description)
        writer.done_writing()
        answer = reader.read()
    except pyarrow.ArrowException:
        # Closing tells why the cache ended the call.
        writer.close()
        raise
    except BaseException:
        # The stream ends as a whole one does; that batches are missing tells the cache.
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()
    return answer
