"""The published names of the object cache at work."""

from __future__ import annotations

import pickle
from typing import Any

import pyarrow
import pytest

from flamepy import FlameError, FlameValueError, ObjectNotFoundError, ObjectRef
from flamepy import core as flamepy_core
from flamepy._objects.flight_batches import bytes_of
from flamepy.core import cache as published
from flamepy.core.cache import FetchMode, Patch, get_object, patch_object, put_object
from tests.support.cache_server import CacheServer


@pytest.mark.parametrize("value", [{"a": [1, 2]}, b"bytes", None, pyarrow.array([1, None])])
def test_a_value_goes_through_its_row(value: Any) -> None:
    batch = published._serialize_object(value)
    assert batch.schema.names == [published.OBJECT_FIELD_VERSION, published.OBJECT_FIELD_DATA]
    assert published._deserialize_object(batch) == value
    assert published._deserialize_object_data(published._serialize_object_data(value)) == value


def test_the_bytes_of_a_row_are_where_they_lie() -> None:
    cells = pyarrow.array([b"one", b"", b"three"], pyarrow.binary())
    for offset in range(3):
        part = cells.slice(offset)
        assert [bytes(bytes_of(part, at)) for at in range(len(part))] == part.to_pylist()
    data = cells.buffers()[2]
    assert pyarrow.py_buffer(bytes_of(cells, 2)).address == data.address + len(b"one")
    assert bytes(bytes_of(pyarrow.array([b""], pyarrow.binary()), 0)) == b""
    assert bytes(bytes_of(pyarrow.array([b"large"], pyarrow.large_binary()), 0)) == b"large"


def test_the_payload_of_a_table_is_the_table() -> None:
    payload = published._prepare_cache_payload(pyarrow.table({"n": [1, 2]}))
    assert payload.native_arrow
    metadata = payload.schema.metadata
    assert metadata[published.CACHE_FORMAT_METADATA_KEY] == published.CACHE_FORMAT_ARROW_TABLE
    assert metadata[published.CACHE_LOGICAL_TYPE_METADATA_KEY] == b"pyarrow.table"
    assert not published._prepare_cache_payload(1).native_arrow


def test_an_answer_says_whether_it_is_whole(cache: CacheServer) -> None:
    ref = put_object("app/ssn", [1])
    whole = published._fetch_object_data(ref, 0)
    assert whole == published.FetchResult(FetchMode.FULL, 1, [1], [])
    assert published._fetch_object_data(ref, 1) is None
    patched = patch_object(ref, 2)
    whole = published._fetch_object_data(ref, 0)
    assert whole == published.FetchResult(FetchMode.FULL, 2, [1], [Patch(2, 2)])
    assert patched.version == 2
    table = put_object("app/ssn", pyarrow.table({"n": [1]}))
    found = published._fetch_object_data(table, 0)
    assert found is not None
    assert found.base == pyarrow.table({"n": [1]})


def test_a_reference_with_version_0_is_fetched_as_a_whole(cache: CacheServer) -> None:
    ref = put_object("app/ssn", "value")
    assert (get_object(ref), get_object(ref), len(cache.sent)) == ("value", "value", 1)
    ref.version = 0
    assert (get_object(ref), len(cache.sent)) == ("value", 2)
    assert len({ref, ObjectRef(ref.endpoint, ref.key, 0)}) == 1


def test_errors_are_those_that_programs_for_0_6_0_catch(cache: CacheServer) -> None:
    gone = ObjectRef(cache.endpoint, "app/ssn/gone", 0)
    for kind in (KeyError, ValueError, FlameError, ObjectNotFoundError):
        with pytest.raises(kind, match="app/ssn/gone"):
            get_object(gone)
    with pytest.raises(ValueError, match=r"cpu=1,mem=1g,gpu=0 \(code: 2\)"):
        flamepy_core.ResourceRequirement.from_string("cpu=x")
    for error in (ObjectNotFoundError("no x"), FlameValueError("bad x")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_a_download_writes_goes_into_a_new_folder(cache: CacheServer, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    ref = published.upload_object("app/pkg/file", str(file))
    published.download_object(ref, str(tmp_path / "new" / "copy"))
    assert (tmp_path / "new" / "copy").read_bytes() == b"data"
