"""Whether what came back is what went in: the same value of the same type."""

from __future__ import annotations

import math
from typing import Any


def assert_same(back: Any, value: Any) -> None:
    """Fail unless ``back`` is a copy of ``value`` that nobody can tell from it."""
    assert type(back) is type(value), f"{type(back)} instead of {type(value)}"
    compare = _COMPARED.get(type(value).__module__.partition(".")[0], _same_plain)
    compare(back, value)


def _same_plain(back: Any, value: Any) -> None:
    if isinstance(value, float):
        assert math.isnan(back) if math.isnan(value) else back == value
        assert math.copysign(1, back) == math.copysign(1, value)
    elif isinstance(value, dict):
        assert len(back) == len(value)
        for (key, part), (back_key, back_part) in zip(value.items(), back.items(), strict=True):
            assert_same(back_key, key)
            assert_same(back_part, part)
    elif isinstance(value, list | tuple):
        assert len(back) == len(value)
        for part, back_part in zip(value, back, strict=True):
            assert_same(back_part, part)
    elif isinstance(value, memoryview):
        for name in ("readonly", "format", "shape", "itemsize"):
            assert getattr(back, name) == getattr(value, name), name
        assert back.tobytes() == value.tobytes()
    else:
        assert back == value


def _same_numpy(back: Any, value: Any) -> None:
    import numpy

    assert back.dtype == value.dtype
    assert dict(back.dtype.metadata or {}) == dict(value.dtype.metadata or {})
    if not isinstance(value, numpy.ndarray):
        assert back.tobytes() == value.tobytes()
        return
    assert back.shape == value.shape
    assert back.flags.writeable == value.flags.writeable
    if value.flags.c_contiguous or value.flags.f_contiguous:
        assert back.flags.c_contiguous == value.flags.c_contiguous
        assert back.flags.f_contiguous == value.flags.f_contiguous
    assert back.flags.aligned
    if isinstance(value, numpy.ma.MaskedArray):
        assert (numpy.ma.getmaskarray(back) == numpy.ma.getmaskarray(value)).all()
        assert_same(back.fill_value, value.fill_value)
        assert back.hardmask == value.hardmask
        back, value = back.data, value.data
    if value.dtype.hasobject:
        assert_same(back.tolist(), value.tolist())
    else:
        assert back.tobytes() == value.tobytes()
    if back.flags.writeable and back.size:
        back.flat[0] = back.flat[0]


def _same_pandas(back: Any, value: Any) -> None:
    import pandas.testing

    if isinstance(value, pandas.DataFrame):
        pandas.testing.assert_frame_equal(
            back, value, check_exact=True, check_index_type="exact", check_column_type="exact"
        )
        _same_index(back.columns, value.columns)
        _same_index(back.index, value.index)
        for at in range(value.shape[1]):
            _same_column(back.iloc[:, at], value.iloc[:, at])
        if value.size and pandas.api.types.is_numeric_dtype(value.iloc[:, 0].dtype):
            back.isetitem(0, back.iloc[:, 0])
    elif isinstance(value, pandas.Series):
        pandas.testing.assert_series_equal(back, value, check_exact=True, check_index_type="exact")
        _same_index(back.index, value.index)
        _same_column(back, value)
    elif isinstance(value, pandas.Index):
        pandas.testing.assert_index_equal(back, value, exact=True)
        _same_index(back, value)
    else:
        assert back == value
    if isinstance(value, pandas.DataFrame | pandas.Series):
        assert_same(back.attrs, value.attrs)
        assert back.flags.allows_duplicate_labels == value.flags.allows_duplicate_labels


def _same_index(back: Any, value: Any) -> None:
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert_same(list(back.names), list(value.names))
    assert getattr(back, "freq", None) == getattr(value, "freq", None)
    _same_parts(list(back), list(value))


def _same_column(back: Any, value: Any) -> None:
    assert back.dtype == value.dtype
    assert repr(back.dtype) == repr(value.dtype)
    assert getattr(back.dtype, "tz", None).__class__ is getattr(value.dtype, "tz", None).__class__
    _same_parts(back.tolist(), value.tolist())


def _same_parts(back: list[Any], value: list[Any]) -> None:
    for back_part, part in zip(back, value, strict=True):
        assert type(back_part) is type(part), f"{back_part!r} instead of {part!r}"
        if isinstance(part, dict):
            assert back_part == part


def _same_polars(back: Any, value: Any) -> None:
    import polars
    import polars.testing

    if isinstance(value, polars.LazyFrame):
        back, value = back.collect(), value.collect()
    if isinstance(value, polars.Series):
        back, value = back.to_frame(), value.to_frame()
    assert back.schema == value.schema
    if polars.Object in value.dtypes:
        assert back.to_dicts() == value.to_dicts()
    else:
        polars.testing.assert_frame_equal(back, value, check_exact=True)


def _same_arrow(back: Any, value: Any) -> None:
    import pyarrow

    if isinstance(value, pyarrow.Table | pyarrow.RecordBatch):
        back.validate(full=True)
        assert back.num_rows == value.num_rows
        assert back.schema.equals(value.schema, check_metadata=True), back.schema
        assert (back.schema.metadata or None) == (value.schema.metadata or None)
        for at in range(value.num_columns):
            assert back.column(at).to_pylist() == value.column(at).to_pylist()
            assert back.column(at).null_count == value.column(at).null_count
    elif isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
        assert back.type == value.type
        assert back.to_pylist() == value.to_pylist()
    else:
        assert back.equals(value)


_COMPARED = {
    "numpy": _same_numpy,
    "pandas": _same_pandas,
    "polars": _same_polars,
    "pyarrow": _same_arrow,
}
