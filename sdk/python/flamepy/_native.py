"""Tables that the cache keeps as Arrow data instead of one cell of bytes.

The metadata of the schema says so (``flame.cache.format``) and which Python type came in
(``flame.cache.logical_type``), so that the same type comes out.
"""

from __future__ import annotations

from typing import Any

FORMAT_KEY = b"flame.cache.format"
VERSION_KEY = b"flame.cache.version"
TABLE_FORMAT = b"arrow-table-v1"
_TYPE_KEY = b"flame.cache.logical_type"
_PREFIX = b"flame.cache."


def to_table(value: Any) -> Any | None:
    """Return ``value`` as a marked ``pyarrow.Table``, or None when it is to be kept as bytes.

    Kept as tables: Table, RecordBatch, pandas and polars frames, and what has a ``to_arrow()``
    that gives one of them. Not kept as tables: empty ones and such with dictionary columns, which
    published cache servers refuse.
    """
    found = _table_of(value)
    if found is None:
        return None
    table, logical_type = found
    import pyarrow

    if table.num_rows == 0 or any(
        pyarrow.types.is_dictionary(field.type) for field in table.schema
    ):
        return None
    marks = {FORMAT_KEY: TABLE_FORMAT, VERSION_KEY: b"0", _TYPE_KEY: logical_type.encode()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **marks})


def is_native(schema: Any) -> bool:
    """Whether a Flight stream with this schema carries a table of ours."""
    return (schema.metadata or {}).get(FORMAT_KEY) == TABLE_FORMAT


def version_of(schema: Any) -> int:
    """Return the version of the object that the schema's metadata names; 0 without one."""
    text = (schema.metadata or {}).get(VERSION_KEY, b"0")
    return int(text) if text.isdigit() else 0


def from_table(table: Any) -> Any:
    """Return the value that was put: the logical type is restored where its library is present."""
    metadata = dict(table.schema.metadata or {})
    logical_type = metadata.get(_TYPE_KEY, b"").decode()
    plain = {key: value for key, value in metadata.items() if not key.startswith(_PREFIX)}
    table = table.replace_schema_metadata(plain or None)
    if logical_type == "pyarrow.record_batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if len(batches) == 1 else table
    try:
        if logical_type == "pandas.dataframe":
            return table.to_pandas()
        if logical_type == "polars.dataframe":
            import polars

            return polars.from_arrow(table)
    except ImportError:
        pass  # The library is not here: a table is what can be given.
    return table


def _table_of(value: Any) -> tuple[Any, str] | None:
    library = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    if library == "pyarrow":
        import pyarrow

        if isinstance(value, pyarrow.Table):
            return value, "pyarrow.table"
        if isinstance(value, pyarrow.RecordBatch):
            return pyarrow.Table.from_batches([value]), "pyarrow.record_batch"
        return None
    if library == "pandas" and name == "DataFrame":
        return _pandas_table(value)
    if library == "polars" and name in ("DataFrame", "LazyFrame"):
        frame = value.collect() if name == "LazyFrame" else value
        return frame.to_arrow(), "polars.dataframe"
    if callable(getattr(type(value), "to_arrow", None)):
        return _arrow_table(value)
    return None


def _pandas_table(frame: Any) -> tuple[Any, str] | None:
    import pyarrow

    try:
        return pyarrow.Table.from_pandas(frame), "pandas.dataframe"
    except (pyarrow.ArrowException, TypeError, ValueError):
        return None  # Columns that Arrow cannot hold, such as mixed objects: pickled instead.


def _arrow_table(value: Any) -> tuple[Any, str] | None:
    import pyarrow

    try:
        found = value.to_arrow()
    except TypeError:
        return None  # It wants arguments: not the conversion meant here.
    if isinstance(found, pyarrow.RecordBatch):
        found = pyarrow.Table.from_batches([found])
    return (found, "dataset") if isinstance(found, pyarrow.Table) else None
