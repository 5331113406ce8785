"""Which pandas and polars frames Arrow holds exactly; all others are pickled.

Arrow has its own idea of values: it makes one struct of dicts with different keys, bytes of Python
objects, a null of None and NaN alike. So what is known to come back as it was is listed here, and
what the conversion says of an empty frame is compared on top of it.
"""

from __future__ import annotations

import re
from typing import Any

from flamepy._values.arrow_types import is_plain

_NUMPY_KINDS = frozenset("iufbmM")
#: Under such names pyarrow keeps the columns of an index.
_INDEX_COLUMN = re.compile(r"__index_level_\d+__")


def pandas_table(frame: Any) -> Any | None:
    """Return a frame as a table that becomes an equal frame again; None when there is none."""
    import pyarrow

    if not _holds_pandas(frame):
        return None
    try:
        table = pyarrow.Table.from_pandas(frame)
        back = table.slice(0, 0).to_pandas()
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        return None
    same = list(frame.dtypes) == list(back.dtypes) and _same_index(frame.columns, back.columns)
    return table if same else None


def polars_table(frame: Any) -> Any | None:
    """Return a frame as a table that becomes an equal frame again; None when there is none."""
    import polars
    import pyarrow

    if type(frame) is not polars.DataFrame or polars.Object in frame.dtypes:
        return None
    try:
        table = frame.to_arrow()
        back = polars.from_arrow(table.slice(0, 0))
    except (pyarrow.ArrowException, polars.exceptions.PolarsError, TypeError, ValueError):
        return None
    plain = all(is_plain(field.type) for field in table.schema)
    same = isinstance(back, polars.DataFrame) and back.schema == frame.schema
    return table if plain and same else None


def _holds_pandas(frame: Any) -> bool:
    import pandas

    if (
        type(frame) is not pandas.DataFrame
        or frame.attrs
        or not frame.flags.allows_duplicate_labels
    ):
        return False
    columns, index = frame.columns, frame.index
    if type(columns) is not pandas.Index or not _is_named(columns):
        return False
    if not all(type(name) is str and not _INDEX_COLUMN.fullmatch(name) for name in columns):
        return False
    if not columns.is_unique or not all(_holds_dtype(dtype) for dtype in frame.dtypes):
        return False
    if not _is_named(index) or index.name in columns:
        return False
    if type(index) is pandas.RangeIndex:
        return True
    # Others have more to lose than their values, such as the frequency of dates.
    return type(index) is pandas.Index and getattr(index.dtype, "kind", "") in "iuf"


def _holds_dtype(dtype: Any) -> bool:
    import numpy
    import pandas

    if isinstance(dtype, numpy.dtype):
        return dtype.kind in _NUMPY_KINDS and dtype.isnative and dtype.metadata is None
    if isinstance(dtype, pandas.StringDtype):
        return True
    # Its floats tell NaN and NA apart, which Arrow's conversion does not.
    return isinstance(dtype, pandas.BooleanDtype) or (
        type(dtype).__module__ == "pandas.core.arrays.integer"
    )


def _is_named(index: Any) -> bool:
    name = index.name
    return name is None or (type(name) is str and not _INDEX_COLUMN.fullmatch(name))


def _same_index(index: Any, back: Any) -> bool:
    same = type(index) is type(back) and index.dtype == back.dtype and index.name == back.name
    return same and list(index) == list(back)
