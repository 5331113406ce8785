import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import flamepy
from flamepy._shared import SHARED_BYTES_MIN, NotShared, Share, _proof
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
    one, two = share.mapped(described()), share.mapped(described())
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
        share.mapped(description)


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
        share.mapped(described())


def test_a_written_file_is_closed_to_others_and_removed_at_the_end(share: Share) -> None:
    with share.written(b"bytes") as description:
        said = json.loads(description)
        path = share.folder / "tmp" / said["file"]
        assert (path.read_bytes(), said["size"]) == (b"bytes", 5)
        assert path.stat().st_mode & 0o777 == 0o600
    assert list((share.folder / "tmp").iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_put(share: Share) -> None:
    (share.folder / "tmp").rmdir()
    with pytest.raises(NotShared), share.written(b"bytes"):
        raise AssertionError("nothing may be put")


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
