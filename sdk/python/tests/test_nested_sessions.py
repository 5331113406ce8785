"""Tasks that wait for tasks of their own, against daemons and services as they are."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster

_PROGRAM = Path(__file__).parent / "programs" / "nested_sessions.py"


def test_four_levels_run_on_a_node_with_room_for_one(real: RealCluster) -> None:
    done = run_program(real, _PROGRAM.read_text())
    ways = ("by_exception", "by_wait", "by_as_completed", "by_loop", "by_threads")
    lines = ["four levels 5", *(f"{way} 3" for way in ways), "fibonacci 2"]
    assert (done.stdout.splitlines(), done.stderr) == (lines, "")
