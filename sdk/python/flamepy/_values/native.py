"""Tables that the cache keeps as Arrow data instead of one cell of bytes.

The metadata of the schema says so (``flame.cache.format``) and which Python type came in
(``flame.cache.logical_type``), so that the same type comes out.
"""

from __future__ import annotations

from typing import Any

from flamepy._objects.cache_types import (
    CACHE_FORMAT_ARROW_TABLE,
    CACHE_FORMAT_METADATA_KEY,
    CACHE_LOGICAL_TYPE_METADATA_KEY,
    CACHE_VERSION_METADATA_KEY,
    LOGICAL_TYPE_PANDAS_DATAFRAME,
    LOGICAL_TYPE_POLARS_DATAFRAME,
    LOGICAL_TYPE_PYARROW_RECORD_BATCH,
    LOGICAL_TYPE_PYARROW_TABLE,
)
from flamepy._values.arrow_types import has_dictionary, is_plain
from flamepy._values.frames import pandas_table, polars_table

_PREFIX = b"flame.cache."


def to_table(value: Any) -> Any | None:
    """Return ``value`` as a marked ``pyarrow.Table``, or None when it is to be kept as bytes.

    Kept as tables: Table, RecordBatch, pandas and polars frames, when they come back from it as
    they were. Not kept as tables: empty ones and such with dictionaries, which published cache
    servers refuse.
    """
    found = _table_of(value)
    if found is None:
        return None
    table, logical_type = found
    if table.num_rows == 0 or table.num_columns == 0:
        return None
    if any(has_dictionary(field.type) for field in table.schema):
        return None
    marks = {
        CACHE_FORMAT_METADATA_KEY: CACHE_FORMAT_ARROW_TABLE,
        CACHE_VERSION_METADATA_KEY: b"0",
        CACHE_LOGICAL_TYPE_METADATA_KEY: logical_type.encode(),
    }
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **marks})


def is_native(schema: Any) -> bool:
    """Whether a Flight stream with this schema carries a table of ours."""
    return (schema.metadata or {}).get(CACHE_FORMAT_METADATA_KEY) == CACHE_FORMAT_ARROW_TABLE


def version_of(schema: Any) -> int:
    """Return the version of the object that the schema's metadata names; 0 without one."""
    text = (schema.metadata or {}).get(CACHE_VERSION_METADATA_KEY, b"0")
    return int(text) if text.isdigit() else 0


def from_table(table: Any) -> Any:
    """Return the value that was put: the logical type is restored where its library is present."""
    metadata = dict(table.schema.metadata or {})
    logical_type = metadata.get(CACHE_LOGICAL_TYPE_METADATA_KEY, b"").decode()
    plain = {key: value for key, value in metadata.items() if not key.startswith(_PREFIX)}
    table = table.replace_schema_metadata(plain or None)
    if logical_type == LOGICAL_TYPE_PYARROW_RECORD_BATCH:
        batches = table.combine_chunks().to_batches()
        return batches[0] if len(batches) == 1 else table
    try:
        if logical_type == LOGICAL_TYPE_PANDAS_DATAFRAME:
            return table.to_pandas()
        if logical_type == LOGICAL_TYPE_POLARS_DATAFRAME:
            import polars

            return polars.from_arrow(table)
    except ImportError:
        pass  # The library is not here: a table is what can be given.
    return table


def _table_of(value: Any) -> tuple[Any, str] | None:
    library = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    table: Any = None
    logical_type = f"{library}.dataframe"
    if library == "pyarrow":
        table, logical_type = _plain_table(value)
    elif library == "pandas" and name == "DataFrame":
        table = pandas_table(value)
    elif library == "polars" and name == "DataFrame":
        table = polars_table(value)
    return None if table is None else (table, logical_type)


def _plain_table(value: Any) -> tuple[Any | None, str]:
    import pyarrow

    if type(value) is pyarrow.RecordBatch:
        table, logical_type = pyarrow.Table.from_batches([value]), LOGICAL_TYPE_PYARROW_RECORD_BATCH
    elif type(value) is pyarrow.Table:
        table, logical_type = value, LOGICAL_TYPE_PYARROW_TABLE
    else:
        return None, ""
    plain = all(is_plain(field.type) for field in table.schema)
    # What begins so is taken off again when the table is read.
    marked = any(key.startswith(_PREFIX) for key in table.schema.metadata or ())
    return (None if marked or not plain else table), logical_type
