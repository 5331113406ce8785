"""The programs of docs/python.md, against daemons and services as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster

_PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text()
_PROGRAMS = [part.split("```", 1)[0] for part in _PAGE.split("```python\n")[1:]]
_CHAPTERS = [
    part.rsplit("\n## ", 1)[1].split("\n", 1)[0] for part in _PAGE.split("```python\n")[:-1]
]


@pytest.mark.parametrize("program", _PROGRAMS, ids=_CHAPTERS)
def test_it_prints_what_stands_behind_it(real: RealCluster, program: str) -> None:
    said = [line.split("  # ", 1)[1] for line in program.splitlines() if "print(" in line]
    done = run_program(real, program)
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", said)
    assert said
