"""Frames and tables come back as they were, whatever their size and way."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.extra import pandas as frames

import flamepy
from tests.support.cache_server import CacheServer
from tests.support.values import LARGE, Check, Colour, builtins, often

_columns = st.lists(st.text() | st.integers() | st.none(), max_size=4, unique=True)
_elements = {
    "f8": st.floats() | st.none(),
    "f4": st.floats(width=32),
    "i8": st.integers(-(2**63), 2**63 - 1),
    "u1": st.integers(0, 255),
    "bool": st.booleans(),
    "M8[ns]": arrays.from_dtype(numpy.dtype("M8[ns]")),
    "m8[s]": arrays.from_dtype(numpy.dtype("m8[s]")),
    "object": builtins,
    "str": st.text(st.characters(codec="utf-8")) | st.none(),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "UInt8": st.integers(0, 255) | st.none(),
    "Float64": st.floats(allow_nan=False) | st.none(),
    "boolean": st.booleans() | st.none(),
    "string": st.text(st.characters(codec="utf-8")) | st.none(),
    "category": st.sampled_from("abc"),
}


@st.composite
def pandas_frames(draw: Any) -> Any:
    rows = draw(st.integers(0, 5))
    made = {}
    for at, name in enumerate(draw(_columns)):
        dtype = draw(st.sampled_from(sorted(_elements)))
        values = draw(st.lists(_elements[dtype], min_size=rows, max_size=rows))
        made[at, name] = pandas.Series(values, dtype=dtype)
    frame = pandas.DataFrame(dict(enumerate(made.values())), index=range(rows))
    frame.columns = pandas.Index(
        [name for _, name in made], dtype=draw(st.sampled_from([None, object]))
    )
    index = draw(
        st.sampled_from(["range", "numbers", "texts", "dates", "multi", "shifted", "named"])
    )
    if index == "shifted":
        frame.index = pandas.RangeIndex(
            5, 5 + 2 * rows, 2, name=draw(st.sampled_from(["n", 1, None]))
        )
    elif index == "numbers":
        frame.index = pandas.Index([3.5] * rows, dtype="f8")
    elif index == "texts":
        frame.index = pandas.Index(["x"] * rows, dtype=object)
    elif index == "dates":
        frame.index = pandas.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    elif index == "multi":
        frame.index = pandas.MultiIndex.from_arrays(
            [[1] * rows, list(range(rows))], names=["a", None]
        )
    elif index == "named":
        frame.index.name = draw(st.sampled_from(["", "a", 0, "__index_level_0__"]))
    if draw(st.booleans()):
        frame.columns.name = draw(st.sampled_from(["c", 1]))
    return frame


@often
@given(pandas_frames())
def test_pandas_frames(travels: Check, frame: Any) -> None:
    travels(frame)


@often
@given(frames.data_frames([frames.column("a", dtype=float), frames.column("b", dtype=int)]))
def test_pandas_frames_of_numbers(travels: Check, frame: Any) -> None:
    travels(frame)


def with_attrs(frame: Any, **attrs: Any) -> Any:
    frame.attrs.update(attrs)
    return frame


PANDAS: dict[str, Any] = {
    "dicts": pandas.DataFrame({"d": [{"b": i} if i % 2 else {"a": i} for i in range(LARGE)]}),
    "mixed": pandas.DataFrame({"a": pandas.Series([1, "x", None, 1.5], dtype=object)}),
    "none-and-nan": pandas.DataFrame({"a": pandas.Series([None, float("nan")], dtype=object)}),
    "large-ints": pandas.DataFrame({"a": pandas.Series([2**70, 1], dtype=object)}),
    "lists": pandas.DataFrame({"a": [[1, 2], (3,), []]}),
    "arrays": pandas.DataFrame({"a": [numpy.arange(2), numpy.arange(3)]}),
    "bytes": pandas.DataFrame({"a": [b"x", bytearray(b"y")]}),
    "decimals": pandas.DataFrame({"a": [decimal.Decimal("1.10"), decimal.Decimal("2")]}),
    "dates": pandas.DataFrame({"a": [datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1)]}),
    "enums": pandas.DataFrame({"a": [Colour.RED]}),
    "category": pandas.DataFrame({"a": pandas.Categorical(["x", None], ["y", "x"], ordered=True)}),
    "period": pandas.DataFrame({"a": pandas.period_range("2026", periods=2, freq="M")}),
    "interval": pandas.DataFrame({"a": pandas.interval_range(0, 2)}),
    "sparse": pandas.DataFrame({"a": pandas.arrays.SparseArray([0, 0, 1])}),
    "utc": pandas.DataFrame({"a": pandas.date_range("2026", periods=2, tz=datetime.UTC)}),
    "zone": pandas.DataFrame({"a": pandas.date_range("2026", periods=2, tz="Europe/Berlin")}),
    "offset": pandas.DataFrame(
        {
            "a": pandas.date_range(
                "2026", periods=2, tz=datetime.timezone(datetime.timedelta(hours=1))
            )
        }
    ),
    "arrow": pandas.DataFrame(
        {"a": pandas.array([1, None], dtype=pandas.ArrowDtype(pyarrow.int8()))}
    ),
    "python-strings": pandas.DataFrame(
        {"a": pandas.array(["x", None], dtype=pandas.StringDtype("python"))}
    ),
    "na-and-nan": pandas.DataFrame({"a": pandas.array([0.0, None], dtype="Float64") / 0}),
    "complex": pandas.DataFrame({"a": [1j]}),
    "half": pandas.DataFrame({"a": numpy.array([1.5], dtype="f2")}),
    "no-columns": pandas.DataFrame(index=range(3)),
    "no-rows": pandas.DataFrame({"a": pandas.Series([], dtype="i4")}),
    "duplicate-columns": pandas.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "number-columns": pandas.DataFrame([[1, 2.5]], columns=[0, "0"]),
    "tuple-columns": pandas.DataFrame([[1, 2]], columns=[("a", 1), ("b", 2)]),
    "multi-columns": pandas.DataFrame([[1]], columns=pandas.MultiIndex.from_tuples([("a", 1)])),
    "date-columns": pandas.DataFrame([[1]], columns=pandas.to_datetime(["2026-01-01"])),
    "named-columns": pandas.DataFrame([[1]], columns=pandas.Index(["a"], name="c")),
    "category-columns": pandas.DataFrame([[1]], columns=pandas.CategoricalIndex(["a"])),
    "index-frequency": pandas.DataFrame({"a": [1, 2]}, pandas.date_range("2026", periods=2)),
    "index-like-column": pandas.DataFrame({"a": [1]}, pandas.Index([5], name="a")),
    "index-column-name": pandas.DataFrame({"__index_level_0__": [1]}, pandas.Index([5])),
    "index-of-category": pandas.DataFrame({"a": [1]}, pandas.CategoricalIndex(["x"])),
    "index-of-numbers": pandas.DataFrame({"a": [1, 2]}, pandas.Index([1.5, 2.5], name="n")),
    "attrs": with_attrs(pandas.DataFrame({"a": [1]}), unit=("m", 1)),
    "flags": pandas.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "series": with_attrs(pandas.Series([1, None], name=("a", 1), dtype="Int8"), unit="m"),
    "index": pandas.Index(["x", None], dtype=object, name="i"),
    "date-index": pandas.date_range("2026", periods=3, freq="2h", name="t"),
    "multi-index": pandas.MultiIndex.from_product([[1, 2], ["x"]], names=["a", None]),
    "timestamp": pandas.Timestamp("2026-01-01", tz="Europe/Berlin").as_unit("s"),
    "interval-value": pandas.Interval(0, 1),
    "large": pandas.DataFrame({"a": numpy.arange(LARGE), "b": numpy.arange(LARGE) / 3}),
    "large-text": pandas.DataFrame({"a": [f"text {at}" for at in range(LARGE)]}),
    "large-gaps": pandas.DataFrame(
        {"a": [None, 1.5] * LARGE, "b": pandas.array([None, 1] * LARGE)}
    ),
}


@pytest.mark.parametrize("name", sorted(PANDAS))
def test_pandas_values(travels: Check, name: str) -> None:
    travels(PANDAS[name])


class Owned:
    """What has a method of the name that Arrow libraries use."""

    def __init__(self) -> None:
        self.table = pyarrow.table({"a": [1, 2]})

    def to_arrow(self) -> Any:
        return self.table

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owned) and other.table.equals(self.table)


class Frame(pandas.DataFrame):  # type: ignore[misc]
    """A frame of the user's own."""

    @property
    def _constructor(self) -> Any:
        return Frame


def test_own_classes_stay_own_classes(travels: Check) -> None:
    travels(Owned())
    ref = flamepy.put_object("app/ssn", Frame({"a": [1]}))
    assert type(ref.get()) is Frame


POLARS: dict[str, Any] = {
    "int128": polars.DataFrame({"a": polars.Series([2**100], dtype=polars.Int128)}),
    "objects": polars.DataFrame(
        {"o": polars.Series([{1, 2}, None], dtype=polars.Object), "a": [1, 2]}
    ),
    "object-series": polars.Series("o", [{1, 2}, None], dtype=polars.Object),
    "lazy": polars.LazyFrame({"a": [1, 2]}).filter(polars.col("a") > 1),
    "category": polars.DataFrame({"a": polars.Series(["x", None], dtype=polars.Categorical)}),
    "enum": polars.DataFrame({"a": polars.Series(["x"], dtype=polars.Enum(["x", "y"]))}),
    "categories-in-lists": polars.DataFrame(
        {"a": polars.Series([["x"]], dtype=polars.List(polars.Categorical))}
    ),
    "nested": polars.DataFrame({"a": [{"b": [1, None], "c": None}, None]}),
    "array": polars.DataFrame({"a": polars.Series([[1, 2]], dtype=polars.Array(polars.Int8, 2))}),
    "decimal": polars.DataFrame(
        {"a": polars.Series([decimal.Decimal("1.10"), None], dtype=polars.Decimal(38, 2))}
    ),
    "times": polars.DataFrame(
        {
            "a": [datetime.time(1)],
            "b": [datetime.timedelta(1)],
            "c": [datetime.date(2026, 1, 1)],
            "d": polars.Series([datetime.datetime(2026, 1, 1)], dtype=polars.Datetime("ms", "UTC")),
        }
    ),
    "nulls": polars.DataFrame({"a": [None, None]}),
    "nan-and-null": polars.DataFrame({"a": [float("nan"), None]}),
    "binary": polars.DataFrame({"a": [b"x", None]}),
    "small": polars.DataFrame({"a": polars.Series([1], dtype=polars.UInt8)}),
    "no-rows": polars.DataFrame(schema={"a": polars.Int8, "b": polars.String}),
    "no-columns": polars.DataFrame(),
    "series": polars.Series("s", [1, None]),
    "large": polars.DataFrame({"a": range(LARGE), "b": [f"text {at}" for at in range(LARGE)]}),
}


@pytest.mark.parametrize("name", sorted(POLARS))
def test_polars_values(travels: Check, name: str) -> None:
    travels(POLARS[name])


class Celsius(pyarrow.ExtensionType):  # type: ignore[misc]
    """An extension type that no other process knows."""

    def __init__(self) -> None:
        super().__init__(pyarrow.float64(), "test.celsius")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> Any:
        return cls()


def two_dictionaries() -> Any:
    chunks = [pyarrow.array(texts).dictionary_encode() for texts in (["x"], ["y", "z"])]
    return pyarrow.table({"a": pyarrow.chunked_array(chunks)})


_field = pyarrow.field("a", pyarrow.int8(), nullable=False, metadata={"k": "v"})
ARROW: dict[str, Any] = {
    "metadata": pyarrow.table({"a": [1]}, metadata={"k": "v", b"\xff": b"\x00"}),
    "our-metadata": pyarrow.table({"a": [1]}, metadata={"flame.cache.mine": "v"}),
    "empty-metadata": pyarrow.table({"a": [1]}, metadata={}),
    "field": pyarrow.Table.from_arrays(
        [pyarrow.array([1], "int8")], schema=pyarrow.schema([_field])
    ),
    "chunks": pyarrow.table({"a": pyarrow.chunked_array([[1], [], [2, 3]])}),
    "sliced": pyarrow.table({"a": range(10), "b": ["x"] * 10}).slice(3, 4),
    "no-columns": pyarrow.table({"a": [1, 2]}).select([]),
    "no-rows": pyarrow.table({"a": pyarrow.array([], "string")}),
    "same-names": pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array(["x"])], ["a", "a"]),
    "dictionaries": two_dictionaries(),
    "nested-dictionary": pyarrow.table(
        {"a": pyarrow.array([["x"]], pyarrow.list_(pyarrow.dictionary("int8", "string")))}
    ),
    "extension": pyarrow.table(
        {"a": pyarrow.ExtensionArray.from_storage(Celsius(), pyarrow.array([1.5]))}
    ),
    "uuid": pyarrow.table(
        {"a": pyarrow.array([b"x" * 16], pyarrow.binary(16)).cast(pyarrow.uuid())}
    ),
    "views": pyarrow.table({"a": pyarrow.array(["x" * 30, None], "string_view")}),
    "map": pyarrow.table({"a": pyarrow.array([[("k", 1)]], pyarrow.map_("string", "int8"))}),
    "null": pyarrow.table({"a": pyarrow.nulls(2)}),
    "decimal": pyarrow.table({"a": pyarrow.array([decimal.Decimal("1.10")])}),
    "zone": pyarrow.table({"a": pyarrow.array([1], pyarrow.timestamp("us", "Europe/Berlin"))}),
    "batch": pyarrow.record_batch({"a": [1, None]}, metadata={"k": "v"}),
    "batch-no-columns": pyarrow.record_batch({"a": [1, 2]}).select([]),
    "array": pyarrow.array([1, None]),
    "array-dictionary": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
    "array-extension": pyarrow.ExtensionArray.from_storage(Celsius(), pyarrow.array([1.5])),
    "array-sliced": pyarrow.array(["x", "y", None]).slice(1),
    "array-struct": pyarrow.array([{"a": 1}, None]),
    "array-union": pyarrow.UnionArray.from_sparse(
        pyarrow.array([0, 1], "int8"), [pyarrow.array([1, 2]), pyarrow.array(["x", "y"])]
    ),
    "array-empty": pyarrow.array([], "int8"),
    "chunked": pyarrow.chunked_array([[1], [2]]),
    "scalar": pyarrow.scalar(5, "int8"),
    "schema": pyarrow.schema([_field], metadata={"k": "v"}),
    "large": pyarrow.table({"a": range(LARGE), "b": [f"text {at}" for at in range(LARGE)]}),
}


@pytest.mark.parametrize("name", sorted(ARROW))
def test_arrow_values(travels: Check, name: str) -> None:
    travels(ARROW[name])


@pytest.mark.parametrize(
    "value",
    [
        pandas.DataFrame({"a": [1, 2], "b": [1.5, None]}),
        polars.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pyarrow.table({"a": [1, 2]}),
        pyarrow.record_batch({"a": [1, 2]}),
    ],
    ids=lambda value: type(value).__module__,
)
def test_what_arrow_holds_exactly_is_kept_as_a_table(cache: CacheServer, value: Any) -> None:
    ref = flamepy.put_object("app/ssn", value)
    assert isinstance(cache.objects[ref.key][1], pyarrow.Table)
