"""Large objects through Arrow Flight, as from another host."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest

import flamepy
from flamepy import FlameError
from flamepy._objects import shared
from flamepy._objects.split_rows import PlainBytes, joined, split_size
from flamepy.core import download_object, patch_object, upload_object
from tests.support.real_cluster import RealCluster
from tests.support.same import assert_same

MIB = 1024 * 1024
#: Three rows, of which the last one is not whole.
LARGE = bytes(range(251)) * (20 * MIB // 251)
CELL = b"FLM\0" + pickle.dumps(LARGE, 5)


def rows(cell: bytes, size: int = 8 * MIB) -> Iterator[bytes]:
    return (cell[at : at + size] for at in range(0, len(cell), size))


@pytest.fixture
def elsewhere(real: RealCluster, monkeypatch: pytest.MonkeyPatch) -> RealCluster:
    monkeypatch.setattr(shared.Shares, "of", lambda *_: None)
    return real


@pytest.mark.parametrize(
    "value",
    [
        LARGE,
        bytearray(LARGE),
        {"a": LARGE, "b": LARGE},
        (LARGE,),
        numpy.frombuffer(LARGE, numpy.uint8).copy(),
        pyarrow.table({"a": numpy.arange(2_000_000)}),
        [f"{at}{LARGE[:1000]!r}" for at in range(10_000)],
    ],
    ids=["bytes", "bytearray", "dict", "tuple", "array", "table", "list"],
)
def test_a_large_value_comes_back_each_time(elsewhere: RealCluster, value: Any) -> None:
    ref = flamepy.put_object("app/ssn", value)
    assert_same(ref.get(), value)
    assert_same(ref.get(), value)


def test_what_is_writable_is_fresh_each_time(elsewhere: RealCluster) -> None:
    values: list[Any] = [bytearray(LARGE), numpy.frombuffer(LARGE, numpy.uint8).copy()]
    for value in values:
        ref = flamepy.put_object("app/ssn", value)
        got = ref.get()
        got[0] = 7
        assert_same(ref.get(), value)


def test_large_patches_are_handed_over_with_their_base(elsewhere: RealCluster) -> None:
    ref = flamepy.put_object("app/ssn", LARGE)
    for _ in range(2):
        ref = patch_object(ref, LARGE)
        got = flamepy.get_object(ref, lambda value, patches: [value, *patches])
        assert all(one == LARGE for one in got)
    assert len(got) == 3


def test_a_large_object_is_downloaded_as_it_was_put(elsewhere: RealCluster, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(CELL)
    ref = upload_object("app/ssn", str(tmp_path / "up"))
    download_object(ref, str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == CELL
    assert ref.get() == LARGE


@pytest.mark.parametrize("size", [1, 3, 12, len(CELL) - 1, len(CELL)])
def test_rows_of_any_size_are_joined(size: int) -> None:
    cell = CELL if size > 100 else b"FLM\0" + pickle.dumps(b"few bytes", 5)
    for plain in (True, False):
        given = rows(cell, size)
        found = joined(len(cell), next(given), given.__next__, plain)
        if isinstance(found, PlainBytes):
            assert plain and found.value == pickle.loads(cell[4:])
        else:
            assert bytes(found) == cell


def test_only_bytes_alone_are_read_as_such() -> None:
    for cell, is_plain in (
        (CELL, True),
        (CELL + b"\0", False),
        (b"FLM\1" + CELL[4:], False),
        (b"FLM\0" + pickle.dumps(bytearray(LARGE), 5), False),
        (b"FLM\0\x80\x05B", False),
    ):
        given = rows(cell)
        found = joined(len(cell), next(given), given.__next__, True)
        assert isinstance(found, PlainBytes) == is_plain
        if not is_plain:
            assert bytes(found) == cell


def test_more_bytes_than_were_said_are_refused() -> None:
    for size in (len(CELL) - 1, 5):
        given = rows(CELL, len(CELL))
        with pytest.raises(FlameError, match="bytes more came than the first row said"):
            joined(size, next(given), lambda: b"", True)


@pytest.mark.parametrize("said", [b"no json", b"[]", b"7", b"{}", b'{"size": "5"}', b'{"size": 0}'])
def test_a_row_that_is_described_wrongly_is_refused(said: bytes) -> None:
    with pytest.raises(FlameError, match="expected"):
        split_size(said)
