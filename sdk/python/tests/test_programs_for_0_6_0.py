"""The same program with the published flamepy and with ours, on the same cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flamepy
from tests.support.published import PYTHON
from tests.support.real_cluster import RealCluster

PROGRAM = Path(__file__).with_name("programs") / "for_0_6_0.py"
SDK = str(Path(flamepy.__file__).parents[1])
_SECONDS = 300


def seen_by(real: RealCluster, folder: Path, python: str | Path, path: str) -> dict[str, Any]:
    """Run the program in a folder, as a client of the cluster; returns what it saw."""
    folder.mkdir()
    done = subprocess.run(
        [python, "-P", PROGRAM],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": path,
            **real.client_environment,
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout))


def test_it_sees_the_same(real: RealCluster, tmp_path: Path) -> None:
    theirs = seen_by(real, tmp_path / "published", PYTHON, "")
    ours = seen_by(real, tmp_path / "ours", sys.executable, SDK)
    assert ours == theirs
    assert ours["runners"]["names"] == []
