"""How Python values become the bytes of an object in the cache, and back.

The first four bytes say how: ``FLM`` and a type. What begins otherwise is a plain pickle.
"""

from __future__ import annotations

import io
from typing import Any

import cloudpickle

Buffer = bytes | memoryview

PICKLE_PREFIX = b"FLM\x00"
_TENSOR_PREFIX = b"FLM\x01"
_TABLE_PREFIX = b"FLM\x02"
_ARRAY_PREFIX = b"FLM\x03"
_BATCH_PREFIX = b"FLM\x04"
_PREFIX_BYTES = 4
_PICKLE_PROTOCOL = 5
#: Kinds of numpy dtypes that an Arrow tensor can hold: bool is not among them.
_TENSOR_KINDS = "iuf"


def pickled(value: Any) -> memoryview:
    """Return the cell of ``value`` as a pickle, prefix included; the pickle is ``cell[4:]``.

    One buffer is written, so that a large value is not copied once more.
    """
    out = io.BytesIO()
    out.write(PICKLE_PREFIX)
    cloudpickle.dump(value, out, protocol=_PICKLE_PROTOCOL)
    return out.getbuffer()


def encode(value: Any) -> Buffer:
    """Return the cell of ``value``: Arrow IPC for arrays and tables, a pickle for the rest."""
    kind = type(value).__module__.partition(".")[0]
    if kind == "numpy":
        return _encode_tensor(value)
    if kind == "pyarrow":
        return _encode_arrow(value)
    return pickled(value)


def decode(cell: Buffer) -> Any:
    """Return the value of a cell.

    Args:
        cell: bytes of the object; a buffer is read in place.
    """
    view = memoryview(cell)
    prefix = bytes(view[:_PREFIX_BYTES])
    if prefix == _TENSOR_PREFIX:
        return _decode_tensor(view[_PREFIX_BYTES:])
    if prefix in (_TABLE_PREFIX, _ARRAY_PREFIX, _BATCH_PREFIX):
        return _decode_arrow(prefix, view[_PREFIX_BYTES:])
    if prefix == PICKLE_PREFIX:
        view = view[_PREFIX_BYTES:]
    return cloudpickle.loads(view)


def _encode_tensor(value: Any) -> Buffer:
    import numpy

    flat = isinstance(value, numpy.ndarray) and type(value) is numpy.ndarray
    if not flat or value.dtype.kind not in _TENSOR_KINDS or not value.dtype.isnative:
        return pickled(value)
    if value.dtype.itemsize > 8 or not (value.flags.c_contiguous or value.flags.f_contiguous):
        return pickled(value)
    import pyarrow

    out = pyarrow.BufferOutputStream()
    out.write(_TENSOR_PREFIX)
    pyarrow.ipc.write_tensor(pyarrow.Tensor.from_numpy(value), out)
    return memoryview(out.getvalue())


def _decode_tensor(view: memoryview) -> Any:
    import pyarrow

    return pyarrow.ipc.read_tensor(pyarrow.BufferReader(pyarrow.py_buffer(view))).to_numpy()


def _encode_arrow(value: Any) -> Buffer:
    import pyarrow

    if isinstance(value, pyarrow.Table):
        prefix, schema, batches = _TABLE_PREFIX, value.schema, value.to_batches()
    elif isinstance(value, pyarrow.RecordBatch):
        prefix, schema, batches = _BATCH_PREFIX, value.schema, [value]
    elif isinstance(value, pyarrow.Array):
        batch = pyarrow.RecordBatch.from_arrays([value], names=["data"])
        prefix, schema, batches = _ARRAY_PREFIX, batch.schema, [batch]
    else:
        return pickled(value)
    out = pyarrow.BufferOutputStream()
    out.write(prefix)
    with pyarrow.ipc.new_stream(out, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return memoryview(out.getvalue())


def _decode_arrow(prefix: bytes, view: memoryview) -> Any:
    import pyarrow

    with pyarrow.ipc.open_stream(pyarrow.py_buffer(view)) as reader:
        if prefix == _TABLE_PREFIX:
            return reader.read_all()
        batch = reader.read_next_batch()
        return batch.column(0) if prefix == _ARRAY_PREFIX else batch
