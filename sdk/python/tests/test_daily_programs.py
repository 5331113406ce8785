"""Programs as people write them, with the libraries that they use, on a cluster as it is.

What each is to print stands in its first text, after "Prints:". A folder is a program of several
files; how it is started stands there after "Run as:".
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import SDK
from tests.support.real_cluster import RealCluster

_FOLDER = Path(__file__).with_name("programs") / "daily"
_PROGRAMS = sorted(path for path in _FOLDER.iterdir() if path.stem != "__pycache__")
#: What a user would install on the nodes.
_PACKAGES = ("attrs", "numpy", "pandas", "polars", "pydantic", "scikit-learn", "tqdm")
_SECONDS = 120


@pytest.fixture(scope="module")
def cluster_with_packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A cluster whose flmrun has packages of its own."""
    with RealCluster(tmp_path_factory.mktemp("flame"), _PACKAGES) as running:
        yield running


@pytest.mark.parametrize("program", _PROGRAMS, ids=[path.stem for path in _PROGRAMS])
def test_it_prints_what_it_says(
    cluster_with_packages: RealCluster, program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "program"
    if program.is_dir():
        shutil.copytree(program, folder, ignore=shutil.ignore_patterns("__pycache__"))
        main = "main.py"
    else:
        folder.mkdir()
        shutil.copy(program, folder)
        main = program.name
    text = ast.get_docstring(ast.parse((folder / main).read_text())) or ""
    command = _part(text, "Run as:")[:1] or [main]
    done = subprocess.run(
        [sys.executable, *command[0].split()],
        cwd=folder,
        env={
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": SDK,
            **cluster_with_packages.client_environment,
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    said = _part(text, "Prints:")
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", said)
    assert said


def _part(text: str, head: str) -> list[str]:
    """Return the indented lines behind a head line."""
    lines = text.partition(f"\n{head}\n")[2].splitlines()
    ends = [at for at, line in enumerate(lines) if line and not line.startswith("    ")]
    return [line[4:] for line in lines[: ends[0] if ends else None] if line]
