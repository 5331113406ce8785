"""What comes back is what went in: the same value of the same type, whatever its size and way."""

from __future__ import annotations

import datetime
import decimal
import fractions
import uuid
import zoneinfo
from collections import Counter, OrderedDict, deque
from typing import Any, NamedTuple

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import flamepy
from tests.support.cache_server import CacheServer
from tests.support.values import LARGE, Check, Colour, builtins, often


class Point(NamedTuple):
    x: int
    y: int


@often
@given(builtins)
def test_builtin_values(travels: Check, value: Any) -> None:
    travels(value)


@pytest.mark.parametrize(
    "value",
    [
        "lone \udcff surrogate",
        2**70,
        -0.0,
        float("nan"),
        complex(-0.0, float("inf")),
        bytearray(b"bytes"),
        memoryview(b"bytes"),
        memoryview(bytearray(b"bytes")),
        memoryview(numpy.arange(6, dtype="i4").reshape(2, 3)),
        range(3, 10, 2),
        slice(1, None, 2),
        Ellipsis,
        NotImplemented,
        int,
        type(None),
        len,
        {1, "a", None},
        frozenset({1}),
        deque([1, 2], maxlen=2),
        OrderedDict(b=1, a=2),
        Counter("abc"),
        Colour.RED,
        Point(1, 2),
        datetime.date(2026, 1, 1),
        datetime.time(1, 2, tzinfo=datetime.UTC),
        datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=1),
        [[]] * 3,
    ],
    ids=lambda value: f"{type(value).__name__}-{ascii(value)[:20]}",
)
def test_values_of_the_standard_library(travels: Check, value: Any) -> None:
    travels(value)


def test_parts_that_are_one_object_stay_one(travels: Check) -> None:
    part: list[Any] = []
    part.append(part)
    back = flamepy.put_object("app/ssn", [part, part]).get()
    assert back[0] is back[1] is back[0][0]


_dtypes = (
    arrays.scalar_dtypes()
    | arrays.unicode_string_dtypes()
    | arrays.byte_string_dtypes()
    | arrays.array_dtypes()
)


def _laid_out(array: Any, order: int, writeable: bool) -> Any:
    made = [
        array,
        numpy.asfortranarray(array),
        array[..., ::2] if array.ndim else array,
        array.T,
        numpy.broadcast_to(array, (2, *array.shape)),
    ][order]
    if writeable and not made.flags.writeable:
        return made.copy()
    made.flags.writeable = writeable
    return made


@often
@given(
    arrays.arrays(_dtypes, arrays.array_shapes(min_dims=0, min_side=0, max_side=4)),
    st.integers(0, 4),
    st.booleans(),
)
def test_numpy_arrays(travels: Check, array: Any, order: int, writeable: bool) -> None:
    travels(_laid_out(array, order, writeable))


@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(LARGE, dtype="f8"),
        numpy.arange(LARGE, dtype=">i4"),
        numpy.zeros((200, 300), order="F"),
        numpy.zeros((200, 300))[::2, ::3],
        numpy.array(["a", None, {1}], dtype=object),
        numpy.array([["a"], [None]], dtype=object).T,
        numpy.array(3.5),
        numpy.array([], dtype="f4"),
        numpy.zeros(3, dtype=numpy.dtype("f8", metadata={"unit": "m"})),
        numpy.zeros(3, dtype=[("a", "i4"), ("b", "M8[ns]"), ("c", "O")]),
        numpy.zeros(3, dtype=numpy.dtype([("a", "i1"), ("b", "f8")], align=True)),
        numpy.array([1.5, 2.5], dtype="f2"),
        numpy.array([1.5], dtype=numpy.longdouble),
        numpy.array(["NaT", "2026-01-01"], dtype="M8[25s]"),
        numpy.rec.array([(1, "a")], dtype=[("n", "i4"), ("s", "U1")]),
        numpy.array(["text", "x" * 50], dtype=numpy.dtypes.StringDType()),
    ],
    ids=lambda array: str(getattr(array, "dtype", array))[:30],
)
def test_numpy_arrays_of_every_kind(travels: Check, array: Any, writeable: bool) -> None:
    copy = array.copy(order="K") if array.flags.forc else array
    copy.flags.writeable = writeable
    travels(copy)


@pytest.mark.parametrize(
    "value",
    [
        numpy.float32(1.5),
        numpy.datetime64("2026-01-01", "D"),
        numpy.bool_(True),
        numpy.dtype("M8[25s]"),
        numpy.ma.array([1, 2, 3], mask=[True, False, True], fill_value=7),
        numpy.ma.array([1.5, 2], hard_mask=True),
        numpy.ma.array(numpy.arange(LARGE)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_numpy_values(travels: Check, value: Any) -> None:
    if isinstance(value, numpy.dtype):
        assert flamepy.put_object("app/ssn", value).get() == value
    else:
        travels(value)


def test_changing_an_array_changes_no_other(cache: CacheServer) -> None:
    ref = flamepy.put_object("app/ssn", numpy.arange(3.0))
    ref.get()[0] = 9
    assert ref.get().tolist() == [0, 1, 2]
    frame = flamepy.put_object("app/ssn", pandas.DataFrame({"a": [1, 2]}))
    changed = frame.get()
    changed.iloc[0, 0] = 9
    assert frame.get()["a"].tolist() == [1, 2]
