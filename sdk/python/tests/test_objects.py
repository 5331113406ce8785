import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    ObjectLostError,
    ObjectRef,
)
from flamepy._objects import file_chunks, flight, flight_errors, objects
from flamepy._values import codec
from flamepy.core import download_object, patch_object, upload_object
from flamepy.core.cache import delete_objects
from tests.support.cache_server import CacheServer

MIB = 1024 * 1024


@pytest.mark.parametrize("value", [None, 1, "text", b"bytes", {"a": [1, (2, 3)]}, {1, 2}])
def test_a_value_comes_back(cache: CacheServer, value: Any) -> None:
    ref = flamepy.put_object("app/ssn", value)
    assert ref.key.startswith("app/ssn/")
    assert (ref.endpoint, ref.version) == (cache.endpoint, 1)
    assert flamepy.get_object(ref) == value
    assert ref.get() == value


def test_a_function_comes_back(cache: CacheServer) -> None:
    factor = 3
    assert flamepy.put_object("app/ssn", lambda x: x * factor).get()(2) == 6


def test_64_mib_come_back(cache: CacheServer) -> None:
    value = bytes(range(256)) * (64 * MIB // 256)
    assert flamepy.put_object("app/ssn", value).get() == value


def test_each_get_gives_a_fresh_value_and_the_bytes_are_sent_once(cache: CacheServer) -> None:
    ref = flamepy.put_object("app/ssn", [1])
    ref.get().append(2)
    assert ref.get() == [1]
    assert len(cache.sent) == 1


def test_a_storage_folder_changes_nothing_about_versions(
    cache: CacheServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "storage"
    folder.mkdir()
    monkeypatch.setenv("FLAME_CACHE_STORAGE", str(folder))
    ref = flamepy.put_object("app/ssn", [1])
    assert (ref.endpoint, ref.version) == (cache.endpoint, 1)
    assert ref.get() == ref.get() == [1]
    assert cache.sent == [ref.key], "the second get was told that nothing changed"
    newer = flamepy.update_object(ref, [2])
    assert newer.version == 2
    assert newer.get() == newer.get() == [2]
    assert len(cache.sent) == 2
    assert list(folder.iterdir()) == []


def test_an_update_is_seen_by_old_references(cache: CacheServer) -> None:
    ref = flamepy.put_object("app/ssn", "old")
    assert ref.get() == "old"
    newer = flamepy.update_object(ref, "new")
    assert (newer.key, newer.version) == (ref.key, 2)
    assert ref.get() == "new"


def test_patches_are_handed_to_the_deserializer(cache: CacheServer) -> None:
    ref = flamepy.put_object("app/ssn", 10)
    patch_object(ref, 1)
    patch_object(ref, 2)
    assert flamepy.get_object(ref) == 10
    assert flamepy.get_object(ref, lambda base, deltas: base + sum(deltas)) == 13


@pytest.mark.parametrize(
    "value",
    [
        pyarrow.table({"a": [1, 2], "b": ["x", None]}),
        pyarrow.record_batch({"a": [1, 2]}),
        pyarrow.table({"a": pyarrow.array(["x", "y"]).dictionary_encode()}),
        pyarrow.table({"a": pyarrow.array([], pyarrow.int64())}),
        pyarrow.array([1, None, 3]),
    ],
    ids=["table", "batch", "dictionary", "empty", "array"],
)
def test_arrow_data_comes_back(cache: CacheServer, value: Any) -> None:
    ref = flamepy.put_object("app/ssn", value)
    assert type(ref.get()) is type(value)
    assert ref.get().equals(value)


@pytest.mark.parametrize(
    "value",
    [
        pyarrow.table({"a": [1, 2]}),
        pyarrow.record_batch({"a": [1, 2]}),
        pyarrow.array([1, None, 3]),
        [1, 2],
    ],
)
def test_every_kind_of_cell_is_decoded(value: Any) -> None:
    assert codec.decode(codec.encode(value)) == value


def test_numpy_arrays_come_back(cache: CacheServer) -> None:
    numpy = pytest.importorskip("numpy")
    for array in (
        numpy.arange(6.0).reshape(2, 3),
        numpy.arange(6).reshape(2, 3).T,
        numpy.arange(10)[::2],
        numpy.array(["a", None], dtype=object),
        numpy.array([1 + 2j]),
        numpy.array(["a", "text"]),
        numpy.array(["2026-01-02", "1969-12-31"], dtype="datetime64[D]"),
        numpy.array([True, False]),
    ):
        back = flamepy.put_object("app/ssn", array).get()
        assert back.dtype == array.dtype
        assert back.tolist() == array.tolist()


def test_a_missing_object_is_not_found(cache: CacheServer) -> None:
    with pytest.raises(FlameError, match="cannot get object 'a/b/c': not found") as caught:
        flamepy.get_object(ObjectRef(cache.endpoint, "a/b/c", 1))
    assert caught.value.code is FlameErrorCode.NOT_FOUND


@pytest.mark.parametrize("value", [b"small", b"large" * MIB, pyarrow.table({"a": [1, 2]})])
def test_a_value_that_need_not_be_durable_may_be_lost(cache: CacheServer, value: Any) -> None:
    ref = flamepy.put_object("app/ssn", value, durable=False)
    assert "/unsynced-" in ref.key
    assert flamepy.get_object(ref) == value
    assert "unsynced" not in flamepy.put_object("app/ssn", value, durable=True).key
    cache.objects.clear()
    with pytest.raises(ObjectLostError, match="is lost: put it again") as caught:
        flamepy.get_object(ref)
    assert caught.value.code is FlameErrorCode.NOT_FOUND
    assert type(pickle.loads(pickle.dumps(caught.value))) is ObjectLostError


@pytest.mark.parametrize("durable", [0, 1, None, "false"])
def test_durable_is_true_or_false(durable: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=f"durable should be True or False, got {durable!r}"):
        flamepy.put_object("app/ssn", 1, durable=durable)
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with pytest.raises(TypeError, match="durable should be True or False"):
        upload_object("app/ssn", str(file), durable=durable)


def test_deleting_takes_a_key_a_session_or_all_of_an_application(cache: CacheServer) -> None:
    refs = [flamepy.put_object(f"{app}/{ssn}", 1) for app in "ab" for ssn in "xy"]
    delete_objects(refs[0].key)
    delete_objects("a/y")
    delete_objects("a/y")
    assert len(cache.objects) == 2
    delete_objects("b/*")
    assert not cache.objects


@pytest.mark.parametrize("prefix", ["app", "app/ssn/id", "app/*", "app/", "a:b/c"])
def test_a_bad_prefix_is_refused_before_any_call(prefix: str) -> None:
    with pytest.raises(ValueError, match="object key"):
        flamepy.put_object(prefix, 1)


def test_a_write_back_is_refused_when_the_version_moved_on(cache: CacheServer) -> None:
    ref = objects.put_cell("app/ssn", b"first")
    objects.update_cell(ref, b"second", 1)
    with pytest.raises(
        flight_errors.VersionConflict, match="expected version 1, its current version is 2"
    ):
        objects.update_cell(ref, b"third", 1)
    found = objects.get_cell(ref)
    assert found is not None
    assert (found[0], bytes(found[1])) == (2, b"second")
    assert objects.get_cell(ref, 2) is None


def test_a_file_is_uploaded_and_downloaded_as_it_is(cache: CacheServer, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    source, target = folder / "source", folder / "target"
    source.write_bytes(b"x" * (3 * MIB + 1))
    ref = upload_object("app/pkg/app.tar.gz", str(source))
    assert ref.key == "app/pkg/app.tar.gz"
    download_object(ref, str(target))
    assert target.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["source", "target"]


def test_files_that_cannot_be_uploaded_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ValueError, match="is empty"):
        upload_object("app/pkg", str(empty))
    with pytest.raises(FileNotFoundError):
        upload_object("app/pkg", str(tmp_path / "none"))


def test_a_file_that_shrinks_while_it_is_uploaded_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(MIB + 1))
    with pytest.raises(ValueError, match=r"had 3145728 bytes and now has 1048577: nothing was put"):
        list(file_chunks.chunks_of(str(file), 3 * MIB))


def test_a_put_that_breaks_off_keeps_its_own_error(cache: CacheServer) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flight.put_stream(cache.endpoint, None, "app/ssn/broken", 2, broken, True)


def test_a_cache_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAME_CACHE_ENDPOINT", "grpc://127.0.0.1:1")
    with pytest.raises(FlameError, match=r"failed to connect to grpc://127\.0\.0\.1:1: nothing"):
        flamepy.put_object("app/ssn", 1)


def test_an_object_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "OBJECT_BYTES_MAX", 10)
    with pytest.raises(FlameError, match="takes at most 10"):
        flamepy.put_object("app/ssn", "x" * 20)


def test_a_cache_endpoint_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAME_CACHE_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(FlameError, match="expected grpc://host:port or grpcs://host:port"):
        flamepy.put_object("app/ssn", 1)
