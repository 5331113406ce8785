"""Record batches of opaque objects (docs/object-cache.md, section 2)."""

from __future__ import annotations

from typing import Any

from flamepy._values.cell import Buffer


def opaque_schema() -> Any:
    """Return the schema of a put of bytes."""
    import pyarrow

    return pyarrow.schema([("version", pyarrow.uint64()), ("data", pyarrow.binary())])


def opaque_batch(cell: Buffer) -> Any:
    """Return one row of bytes."""
    import pyarrow

    # From buffers, so that the bytes are sent from where they lie.
    offsets = pyarrow.array([0, len(cell)], pyarrow.int32()).buffers()[1]
    data = pyarrow.Array.from_buffers(pyarrow.binary(), 1, [None, offsets, pyarrow.py_buffer(cell)])
    version = pyarrow.array([0], pyarrow.uint64())
    return pyarrow.RecordBatch.from_arrays([version, data], schema=opaque_schema())


def bytes_of(cells: Any, at: int) -> memoryview:
    """Return the bytes of a row where they lie: pyarrow copies them for a scalar."""
    if cells.null_count or str(cells.type) != "binary":
        return memoryview(cells[at].as_buffer())
    _, offsets, data = cells.buffers()
    begin, end = memoryview(offsets).cast("i")[cells.offset + at :][:2]
    return memoryview(data)[begin:end] if data is not None else memoryview(b"")
