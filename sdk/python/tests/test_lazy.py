"""Packages whose names are imported when they are asked for."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = [
    "flamepy",
    "flamepy.core",
    "flamepy.core.service",
    "flamepy.runner",
    "flamepy.service",
    "flamepy.tools",
]


def typed_names(package: str) -> set[str]:
    """Return the names that type checkers find in a package."""
    source = Path(importlib.import_module(package).__file__ or "").read_text()
    imports = [
        each
        for block in ast.parse(source).body
        for each in (block.body if isinstance(block, ast.If) else [block])
        if isinstance(each, ast.ImportFrom)
    ]
    names = {alias.asname or alias.name for each in imports for alias in each.names}
    return {name for name in names if name[:2] == "__" or name[0] != "_"} - {"TYPE_CHECKING"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_and_no_other(package: str) -> None:
    module = importlib.import_module(package)
    names = module.__all__
    assert set(names) == typed_names(package)
    assert set(names) <= set(dir(module))
    for name in names:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=rf"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize(
    "code",
    [
        "import flamepy",
        "import flamepy.runpy",
        "from flamepy import RunnerContext, RunnerRequest, get_object, put_object, FlameError",
        "from flamepy.core.service import FlameService",
        "import pickle; pickle.loads(b'cflamepy.core\\nRunnerContext\\n.')",
        "from flamepy.service import FlameInstance",
        "import flamepy; hasattr(flamepy, 'nothing')",
    ],
)
def test_what_a_service_needs_loads_no_grpc(code: str) -> None:
    script = f"{code}\nimport sys\nassert not {{'grpc', 'asyncio', 'ssl'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_pickles_name_is_sent_by_name() -> None:
    script = """
from flamepy import ObjectRef, RunnerContext, RunnerRequest, Session, Shim
from flamepy._model.errors import PythonVersionError
import cloudpickle
for each in (ObjectRef, PythonVersionError, RunnerContext, RunnerRequest, Session, Shim):
    assert len(cloudpickle.dumps(each)) < 100, each
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_star_import_gives_what_is_public() -> None:
    script = "from flamepy import *\nassert create_session and RunnerContext and core.client"
    subprocess.run([sys.executable, "-c", script], check=True)
