"""Objects as the rows that travel to the object cache, and back; published names are in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flamepy._objects.cache_types import OBJECT_FIELD_DATA, CachePayload, FetchResult, Patch
from flamepy._objects.fetch import fetch
from flamepy._objects.flight_batches import opaque_batch
from flamepy._objects.shared import SharedPiece
from flamepy._values import codec, native
from flamepy._values.cell import Buffer

if TYPE_CHECKING:
    import pyarrow

    from flamepy._objects.objects import ObjectRef


def serialize_data(obj: Any) -> bytes:
    """Return the bytes of a value; see ``_values.codec``."""
    return bytes(codec.encode(obj))


def deserialize_data(data: Buffer) -> Any:
    """Return the value of bytes."""
    return codec.decode(data)


def serialize(obj: Any) -> pyarrow.RecordBatch:
    """Return the row that puts a value as bytes."""
    return opaque_batch(codec.encode(obj))


def deserialize(batch: pyarrow.RecordBatch) -> Any:
    """Return the value of the first row of a batch."""
    return codec.decode(memoryview(batch.column(OBJECT_FIELD_DATA)[0].as_buffer()))


def payload_of(obj: Any) -> CachePayload:
    """Return what ``put_object`` sends of a value: a table as one, else one row of bytes."""
    table = native.to_table(obj)
    if table is not None:
        return CachePayload(table.schema, table.to_batches(), True)
    batch = serialize(obj)
    return CachePayload(batch.schema, [batch], False)


def fetch_values(ref: ObjectRef, cached_version: int) -> FetchResult | None:
    """Ask for an object and return its values, not what this process holds of it.

    Args:
        cached_version: the version that is known already; 0 for none.

    Returns:
        None when ``cached_version`` is the current one.
    """
    found = fetch(ref, cached_version)
    if found is None:
        return None
    base = found.base
    if isinstance(base, bytes | memoryview | SharedPiece):
        base = codec.load(base, f"object {ref.key!r}")
    elif base is not None:
        base = native.from_table(base)
    patches = [
        Patch(patch.version, codec.load(patch.data, f"a patch of {ref.key!r}"))
        for patch in found.patches
    ]
    return FetchResult(found.mode, found.version, base, patches)
