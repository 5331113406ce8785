import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import flamepy
from flamepy._objects.shared import SHARED_BYTES_MIN, NotShared, Share, _proof
from flamepy._values import codec
from flamepy._values.cell import Cell
from tests.support.cache_server import CacheServer

PIECE = "a" * 64 + "-1.base"


@pytest.fixture
def share(tmp_path: Path) -> Share:
    for name in ("tmp", "pieces"):
        (tmp_path / name).mkdir()
    return Share(tmp_path, b"0" * 64)


def described(file: object = PIECE, size: object = 5) -> bytes:
    return json.dumps({"file": file, "size": size}).encode()


def test_a_mapped_file_is_writable_and_changes_for_nobody_else(share: Share) -> None:
    path = share.folder / "pieces" / PIECE
    path.write_bytes(b"bytes and a trailer")
    one, two = share.piece(described()).mapped(), share.piece(described()).mapped()
    one[0] = 0
    assert (bytes(one), bytes(two)) == (b"\0ytes", b"bytes")
    assert path.read_bytes() == b"bytes and a trailer"
    path.unlink()
    assert bytes(two) == b"bytes"


@pytest.mark.parametrize(
    "description",
    [
        b"no json",
        b"[]",
        b"{}",
        described(size="5"),
        described(size=0),
        described(size=-1),
        described(size=19),
        described(file="../cache.share"),
        described(file="/etc/passwd"),
        described(file=PIECE + "/.."),
        described(file=7),
        described(file="b" * 64 + "-1.base"),
    ],
)
def test_what_a_cache_says_wrongly_is_not_mapped(share: Share, description: bytes) -> None:
    (share.folder / "pieces" / PIECE).write_bytes(b"bytes and a trailer")
    with pytest.raises(NotShared):
        share.piece(description)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ],
)
def test_what_is_no_plain_file_is_not_mapped(share: Share, make: Callable[[Path], None]) -> None:
    make(share.folder / "pieces" / PIECE)
    with pytest.raises(NotShared):
        share.piece(described()).mapped()


def test_written_files_are_closed_to_others_and_removed_at_the_end(share: Share) -> None:
    value = os.urandom(20_000_000)
    cell = Cell(value[:9_000_000], value[9_000_000:])
    with share.written(cell) as descriptions:
        said = [json.loads(description) for description in descriptions]
        assert len(said) == share.files_for(cell) == 3
        paths = [share.folder / "tmp" / one["file"] for one in said]
        assert b"".join(path.read_bytes() for path in paths) == value
        assert [path.stat().st_size for path in paths] == [one["size"] for one in said]
        assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
        paths[0].unlink()
    assert list((share.folder / "tmp").iterdir()) == []


def test_a_file_is_written_when_it_is_asked_for(share: Share) -> None:
    with share.written(Cell(bytes(20_000_000))) as descriptions:
        assert list((share.folder / "tmp").iterdir()) == []
        next(descriptions)
        assert len(list((share.folder / "tmp").iterdir())) == 1
    assert list((share.folder / "tmp").iterdir()) == []


def test_a_file_that_cannot_be_written_is_told(share: Share) -> None:
    (share.folder / "tmp").rmdir()
    with pytest.raises(NotShared), share.written(Cell(b"bytes")) as descriptions:
        next(descriptions)


def test_large_bytes_are_read_from_a_file_and_an_array_is_mapped(share: Share) -> None:
    path = share.folder / "pieces" / PIECE
    array: Any = numpy.arange(200_000, dtype="f4").reshape(400, 500).T
    for value in (os.urandom(1_000_000), ["text", bytes(300_000), {}], array):
        cell = codec.encoded(value)
        path.write_bytes(bytes(cell.joined()) + b"trailer")
        back = codec.decode(share.piece(described(size=cell.size)))
        assert numpy.array_equal(back, value) if value is array else back == value
    assert back.flags.writeable
    assert back.strides == array.strides
    back[0, 0] = -1
    assert codec.decode(share.piece(described(size=cell.size)))[0, 0] == 0


def test_a_plain_pickle_is_read_from_a_file(share: Share) -> None:
    pickled = pickle.dumps(list(range(1_000)), protocol=2)
    (share.folder / "pieces" / PIECE).write_bytes(pickled + b"trailer")
    assert codec.decode(share.piece(described(size=len(pickled)))) == list(range(1_000))


@pytest.mark.parametrize(
    ("words", "mode"), [("0" * 63, 0o600), ("x" * 64, 0o600), ("0" * 64, 0o640)]
)
def test_a_folder_without_a_private_proof_is_not_shared(
    tmp_path: Path, words: str, mode: int
) -> None:
    file = tmp_path / "cache.share"
    file.write_text(words)
    file.chmod(mode)
    with pytest.raises(ValueError, match="no file of our own cache"):
        _proof(tmp_path)


def test_a_cache_of_another_make_is_asked_once(cache: CacheServer) -> None:
    value = os.urandom(2 * SHARED_BYTES_MIN)
    for _ in range(2):
        assert flamepy.put_object("app/ssn", value).get() == value
