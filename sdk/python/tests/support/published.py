"""The published flamepy, as ``npm run set-up`` installed it from the Python package index."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

VERSION = "0.6.0"
PYTHON = Path(__file__).parents[4] / ".flame" / "venvs" / f"flamepy-{VERSION}" / "bin" / "python"
_SECONDS = 60


def run_published(source: str, **environment: str) -> Any:
    """Run a program with the published flamepy, and return what it prints as JSON.

    Args:
        environment: variables that it sees beside PATH.
    """
    assert PYTHON.exists(), f"{PYTHON} is not there: run npm run set-up"
    done = subprocess.run(
        [PYTHON, "-P", "-c", source],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
