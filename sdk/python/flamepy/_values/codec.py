"""How Python values become the bytes of an object in the cache, and back.

The first four bytes say how: ``FLM`` and a type. What begins otherwise is a plain pickle.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from flamepy._objects.shared import SharedPiece
from flamepy._values.arrow_types import is_plain
from flamepy._values.cell import Buffer, Cell
from flamepy._values.missing_modules import missing_module_advice
from flamepy._values.pickler import Pickler
from flamepy._values.unpicklable import GLOBAL_BYTES_MAX, advice_on, culprit, refuse_large_globals
from flamepy._values.unpickler import Unpickler, loads

PICKLE_PREFIX = b"FLM\x00"
_TENSOR_PREFIX = b"FLM\x01"
_TABLE_PREFIX = b"FLM\x02"
_ARRAY_PREFIX = b"FLM\x03"
_BATCH_PREFIX = b"FLM\x04"
_PREFIX_BYTES = 4
#: Kinds of numpy dtypes that an Arrow tensor can hold: bool is not among them.
_TENSOR_KINDS = "iuf"


def pickled(value: Any, what: str = "the value") -> memoryview:
    """Return the cell of ``value`` as a pickle, prefix included; the pickle is ``cell[4:]``.

    Args:
        value: any value.
        what: what it is, for the error.

    Raises:
        TypeError: something of it cannot be pickled; the text names it.
    """
    out = io.BytesIO()
    _pickle(value, what, out)
    # Not getbuffer(): with that in a cycle Python's garbage collector may crash (3.12.1).
    return memoryview(out.getvalue())


def pickle_of(value: Any, what: str) -> bytes:
    """Return the pickle alone, as published programs read it; the rest as :func:`pickled`.

    It names what modules have: a package with them is where it is read.
    """
    out = io.BytesIO()
    _pickle(value, what, out, names_only=True)
    return out.getvalue()[len(PICKLE_PREFIX) :]


def pickled_cell(value: Any, what: str) -> Cell:
    """Return the same as :func:`pickled`, without a copy of large bytes that are in the value."""
    cell = Cell()
    _pickle(value, what, cell)
    return cell


def encoded(value: Any) -> Cell:
    """Return the cell of ``value`` as :func:`encode` does, without a copy of large bytes in it."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pyarrow"):
        return Cell(encode(value))
    return pickled_cell(value, "the object")


def encode(value: Any) -> Buffer:
    """Return the cell of ``value``: Arrow IPC for arrays and tables, a pickle for the rest.

    What Arrow would change is pickled too, so that the same value of the same type comes back.
    """
    kind = type(value).__module__.partition(".")[0]
    if kind == "numpy":
        return _encode_tensor(value)
    if kind == "pyarrow":
        return _encode_arrow(value)
    return pickled(value, "the object")


def decode(cell: Buffer | SharedPiece) -> Any:
    """Return the value of a cell.

    Args:
        cell: bytes of the object; a buffer is read in place. A file is read where the value has
            bytes of its own, and else mapped for the value to use.
    """
    if isinstance(cell, SharedPiece):
        return _decode_piece(cell)
    view = memoryview(cell)
    prefix = bytes(view[:_PREFIX_BYTES])
    if prefix == _TENSOR_PREFIX:
        return _decode_tensor(view[_PREFIX_BYTES:])
    if prefix in (_TABLE_PREFIX, _ARRAY_PREFIX, _BATCH_PREFIX):
        return _decode_arrow(prefix, view[_PREFIX_BYTES:])
    if prefix == PICKLE_PREFIX:
        view = view[_PREFIX_BYTES:]
    return loads(view)


def load(cell: Buffer | SharedPiece, what: str) -> Any:
    """Return the value of a cell; an error says what could not be loaded, and what to do.

    Args:
        cell: as for :func:`decode`.
        what: what it is, such as ``the request of task 1``.
    """
    try:
        return decode(cell)
    except ModuleNotFoundError as error:
        error.add_note(f"{what} needs it. {missing_module_advice(error)}")
        raise
    except AttributeError as error:
        if f"on {sys.modules['__main__']!r}" in str(error):
            error.add_note(
                f"{what} names something of the client's main program that can only be pickled by "
                "name, so it is not here. Define it in a module of a package that the "
                "application's url names, or inside the function that uses it."
            )
        raise


def _pickle(value: Any, what: str, out: Any, names_only: bool = False) -> None:
    out.write(PICKLE_PREFIX)
    pickler = Pickler(out, names_only)
    try:
        pickler.dump(value)
    except (TypeError, pickle.PicklingError) as error:
        raise TypeError(_refusal(value, what, error)) from error
    except Exception as error:
        way, _ = culprit(value, is_picklable)
        error.add_note(f"raised when {', '.join((what, *way))} was pickled")
        raise
    size = out.size if isinstance(out, Cell) else out.tell()
    if pickler.carried and size > GLOBAL_BYTES_MAX:
        refuse_large_globals(pickler.carried, what, _size_of)


def _size_of(value: Any) -> int:
    cell = Cell()
    Pickler(cell).dump(value)
    return cell.size


def _decode_piece(piece: SharedPiece) -> Any:
    with piece.reader() as reader:
        prefix = reader.read(_PREFIX_BYTES)
        if prefix == _TENSOR_PREFIX:
            return _mapped_tensor(piece.mapped())
        if prefix in (_TABLE_PREFIX, _ARRAY_PREFIX, _BATCH_PREFIX):
            return _decode_arrow(prefix, piece.mapped()[_PREFIX_BYTES:])
        start = _PREFIX_BYTES if prefix == PICKLE_PREFIX else 0
        reader.seek(start)
        # Large bytes are read to where they stay.
        return Unpickler(reader).load()


def _refusal(value: Any, what: str, error: Exception) -> str:
    deep = isinstance(error.__cause__, RecursionError)
    way, part = ([], value) if deep else culprit(value, is_picklable)
    kind = type(part)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return (
        f"cannot send {what}: {', '.join(way) or 'it'} is a {module}{kind.__qualname__}, "
        f"which cannot be pickled ({error}){advice_on(part)}"
    )


def is_picklable(value: Any) -> bool:
    """Whether a value can be pickled."""
    try:
        Pickler(io.BytesIO()).dump(value)
    except Exception:
        return False
    return True


def _encode_tensor(value: Any) -> Buffer:
    if not _is_tensor(value):
        return pickled(value, "the object")
    import pyarrow

    out = pyarrow.BufferOutputStream()
    out.write(_TENSOR_PREFIX)
    pyarrow.ipc.write_tensor(pyarrow.Tensor.from_numpy(value), out)
    return memoryview(out.getvalue())


def _is_tensor(value: Any) -> bool:
    """Whether a tensor is the same array when it comes back; a read-only one is not."""
    import numpy

    if type(value) is not numpy.ndarray or not value.flags.writeable:
        return False
    if not (value.flags.c_contiguous or value.flags.f_contiguous):
        return False
    dtype = value.dtype
    plain = dtype.kind in _TENSOR_KINDS and dtype.itemsize <= 8 and dtype.metadata is None
    return plain and dtype.isnative


def _decode_tensor(view: memoryview) -> Any:
    import pyarrow

    tensor = pyarrow.ipc.read_tensor(pyarrow.BufferReader(pyarrow.py_buffer(view)))
    # The one copy: the bytes are of Arrow and cannot be written to, and may be read once more.
    return tensor.to_numpy().copy(order="K")


def _mapped_tensor(view: memoryview) -> Any:
    """Return an array on a mapping that is nobody else's: it may be written to."""
    import numpy
    import pyarrow

    stream = pyarrow.BufferReader(pyarrow.py_buffer(view))
    stream.seek(_PREFIX_BYTES)
    found = pyarrow.ipc.read_tensor(stream).to_numpy()
    start = numpy.frombuffer(view, numpy.uint8).ctypes.data
    at = found.ctypes.data - start
    return numpy.ndarray(found.shape, found.dtype, view, at, found.strides)


def _encode_arrow(value: Any) -> Buffer:
    import pyarrow

    if isinstance(value, pyarrow.Table):
        prefix, data = _TABLE_PREFIX, value
    elif isinstance(value, pyarrow.RecordBatch):
        prefix, data = _BATCH_PREFIX, value
    elif isinstance(value, pyarrow.Array):
        prefix, data = _ARRAY_PREFIX, pyarrow.RecordBatch.from_arrays([value], names=["data"])
    else:
        return pickled(value, "the object")
    if not all(is_plain(field.type) for field in data.schema):
        return pickled(value, "the object")
    out = pyarrow.BufferOutputStream()
    out.write(prefix)
    try:
        with pyarrow.ipc.new_stream(out, data.schema) as writer:
            writer.write(data)
    except pyarrow.ArrowException:
        return pickled(value, "the object")
    return memoryview(out.getvalue())


def _decode_arrow(prefix: bytes, view: memoryview) -> Any:
    import pyarrow

    with pyarrow.ipc.open_stream(pyarrow.py_buffer(view)) as reader:
        if prefix == _TABLE_PREFIX:
            return reader.read_all()
        batch = reader.read_next_batch()
        return batch.column(0) if prefix == _ARRAY_PREFIX else batch
