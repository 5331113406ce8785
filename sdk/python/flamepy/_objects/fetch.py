"""Reading what the object cache answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flamepy._client.config import current_context
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._objects import flight
from flamepy._objects.cache_types import (
    OBJECT_FIELD_DATA,
    OBJECT_FIELD_VERSION,
    OBJECT_RESPONSE_FIELD_KIND,
    FetchMode,
    FetchResult,
    ObjectResponseKind,
    Patch,
)
from flamepy._objects.flight_batches import bytes_of
from flamepy._objects.shared import SharedPiece
from flamepy._values.cell import Buffer

if TYPE_CHECKING:
    from flamepy._objects.objects import ObjectRef


def fetch(ref: ObjectRef, known_version: int, plain: bool = False) -> FetchResult | None:
    """Ask for an object: its base as a table, bytes or a file of them, its patches as bytes.

    Args:
        known_version: what this process has of it; 0 for nothing.
        plain: give a large base that is pickled bytes alone as :class:`PlainBytes`.

    Returns:
        None when ``known_version`` is the current one.

    Raises:
        ObjectNotFoundError: there is no such object.
        FlameError: the cache cannot be reached, or what it sent is no answer.
    """
    context = current_context()
    tls = context.cache_tls
    small = flight.get_small(ref.endpoint, context, ref.key, known_version)
    if small is not None:
        version, cell = small
        return None if cell is None else FetchResult(FetchMode.FULL, version, cell)
    schema, batches, elsewhere = flight.get(ref.endpoint, tls, ref.key, known_version, plain)
    if flight.is_table(schema):
        import pyarrow

        table = pyarrow.Table.from_batches(batches, schema)
        return FetchResult(FetchMode.FULL, flight.table_version(schema), table)
    rows = list(_rows(schema, batches, elsewhere))
    if not rows:
        return None
    full = rows[0][1] is ObjectResponseKind.BASE
    later = rows[1:] if full else rows
    patches = [Patch(version, _buffer(cell)) for version, _, cell in later]
    versions = [patch.version for patch in patches]
    if versions != sorted(set(versions)) or any(kind == "base" for _, kind, _ in later):
        raise FlameError(
            FlameErrorCode.INTERNAL,
            f"object {ref.key!r}: the cache at {ref.endpoint} sent rows out of order",
        )
    return FetchResult(
        mode=FetchMode.FULL if full else FetchMode.PATCHES,
        version=rows[-1][0],
        base=rows[0][2] if full else None,
        patches=patches,
    )


def _buffer(cell: Buffer | SharedPiece) -> Buffer:
    return cell.mapped() if isinstance(cell, SharedPiece) else cell


def _rows(
    schema: Any, batches: list[Any], elsewhere: list[Any]
) -> Iterator[tuple[int, ObjectResponseKind, Any]]:
    """Yield version, kind and bytes of each row; the older form of answers has no kinds."""
    kinds = schema.get_field_index(OBJECT_RESPONSE_FIELD_KIND) >= 0
    first = True
    for batch, there in zip(batches, elsewhere, strict=True):
        versions = batch.column(OBJECT_FIELD_VERSION)
        cells = batch.column(OBJECT_FIELD_DATA)
        for at in range(batch.num_rows):
            kind = ObjectResponseKind.BASE if first else ObjectResponseKind.PATCH
            if kinds:
                kind = _kind(batch.column(OBJECT_RESPONSE_FIELD_KIND)[at].as_py())
            cell = bytes_of(cells, at) if there is None else there
            yield versions[at].as_py(), kind, cell
            first = False


def _kind(text: str) -> ObjectResponseKind:
    try:
        return ObjectResponseKind(text)
    except ValueError:
        raise FlameError(
            FlameErrorCode.INTERNAL, f"the object cache sent a row of the unknown kind {text!r}"
        ) from None
