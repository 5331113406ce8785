"""CPython's own tests of executors, which some installed Python has in its ``test`` package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

MIXINS = ("ExecutorTest", "WaitTests", "AsCompletedTests", "ExecutorShutdownTest")
_PACKAGE = "test_concurrent_futures"
_MODULES = ("executor", "test_wait", "test_as_completed", "test_shutdown")


def cpython_mixins() -> dict[str, Any]:
    """Return the classes with tests that every executor has to pass, by name.

    They are those of this Python, or of one that is installed beside it: some come without.
    """
    folder = _folder()
    if folder is None:
        pytest.skip(f"no Python beside {sys.base_prefix} has the package test.{_PACKAGE}")
    package = importlib.import_module("test")
    support: Any = importlib.import_module("test.support")
    if str(folder) not in package.__path__:
        package.__path__.append(str(folder))
    if not hasattr(support, "Py_GIL_DISABLED"):  # Tests of 3.13 ask for it.
        support.Py_GIL_DISABLED = False
    found: dict[str, Any] = {}
    for name in _MODULES:
        module = importlib.import_module(f"test.{_PACKAGE}.{name}")
        # The Python of the executors may be one of those without.
        cloudpickle.register_pickle_by_value(module)
        found |= vars(module)
    return {name: found[name] for name in MIXINS}


def _folder() -> Path | None:
    own = Path(sys.base_prefix)
    for prefix in (own, *sorted(own.parent.iterdir())):
        for found in sorted(prefix.glob(f"lib/python3.*/test/{_PACKAGE}/executor.py")):
            return found.parents[1]
    return None
