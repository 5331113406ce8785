"""Client programs in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import flamepy
from tests.support.real_cluster import RealCluster

SDK = str(Path(flamepy.__file__).parents[1])
_SECONDS = 60


def run_program(
    real: RealCluster, program: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a client program to its end, with the modules of a folder beside it."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": SDK, **real.client_environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
