"""What of a folder a Runner ships."""

from __future__ import annotations

import logging
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from flamepy import FlameError
from flamepy.runner._archive import remove_archive, write_archive


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("main.py", "pkg/__init__.py", "pkg/__pycache__/x.pyc", "pkg/data/old.pyc"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    for name in (".venv/bin/python", ".git/config", "x.egg-info/PKG-INFO", "dist/old.whl"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (folder / "pkg" / "dist").mkdir()
    (folder / "pkg" / "dist" / "kept").write_text("")
    (folder / "notes.log").write_text("")
    return folder


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return sorted(info.name for info in tar if info.isfile())


def metadata(archive: Path) -> Any:
    with tarfile.open(archive) as tar:
        file = tar.extractfile("pyproject.toml")
        assert file is not None
        return tomllib.loads(file.read().decode())


def test_what_is_made_anew_or_of_the_machine_stays_here(project: Path) -> None:
    archive = write_archive(project, "app", (), ("*.log",))
    assert archive == project / "dist" / "app.tar.gz"
    assert names(archive) == ["main.py", "pkg/__init__.py", "pkg/dist/kept", "pyproject.toml"]
    with tarfile.open(archive) as tar:
        assert {(info.uid, info.uname) for info in tar} == {(0, "")}


def test_the_same_files_make_the_same_bytes(project: Path) -> None:
    first = write_archive(project, "app", (), ()).read_bytes()
    assert write_archive(project, "app", (), ()).read_bytes() == first
    assert first[4:8] == bytes(4)  # Where gzip says when it was packed.


def test_a_folder_without_metadata_gets_some_in_the_archive(project: Path) -> None:
    needs = ["six>=1", 'x; python_version < "3.9"', "a"]
    archive = write_archive(project, "my-app", needs, ())
    told = metadata(archive)
    assert told["project"]["name"] == "my-app"
    assert told["project"]["dependencies"] == sorted(needs)
    assert told["build-system"]["build-backend"] == "setuptools.build_meta"
    assert told["tool"]["setuptools"]["py-modules"] == []
    assert not (project / "pyproject.toml").exists()
    assert metadata(write_archive(project, "app", (), ()))["project"]["dependencies"] == []


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_metadata_of_its_own_wins(
    project: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (project / name).write_text("[project]\nname = 'own'\n")
    archive = write_archive(project, "app", ["six"], ())
    assert name in names(archive)
    if name == "pyproject.toml":
        assert metadata(archive) == {"project": {"name": "own"}}
    else:
        assert "pyproject.toml" not in names(archive)
        warned = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert "has a setup.py or setup.cfg; name them there" in warned[0].getMessage()


def test_nothing_of_it_stays_when_it_is_removed_or_fails(project: Path, tmp_path: Path) -> None:
    remove_archive(write_archive(project, "app", (), ()))
    assert [each.name for each in (project / "dist").iterdir()] == ["old.whl"]
    (project / "dist" / "old.whl").unlink()
    remove_archive(write_archive(project, "app", (), ()))
    assert not (project / "dist").exists()
    (project / "pyproject.toml").mkdir()  # What a folder has in the way of a file.
    with pytest.raises(FlameError, match="Failed to create package"):
        write_archive(project, "no/such/folder", (), ())
    assert not (project / "dist").exists()
