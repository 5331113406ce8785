import importlib
import pydoc
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import flamepy
from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster

SDK = Path(flamepy.__file__).parents[1]

#: Public path of everything that ends up in pickles.
PICKLED = {
    "flamepy.core": ["RunnerContext", "RunnerRequest", "RunnerServiceKind", "ResultRef"],
    "flamepy.core.cache": ["ObjectRef", "ObjectKey"],
    "flamepy.core.types": [
        "FlameError",
        "FlameErrorCode",
        "RemoteTaskError",
        "PythonVersionError",
        "ResourceRequirement",
        "TaskState",
    ],
    "flamepy.runner.types": ["RunnerContext", "RunnerRequest", "SessionContext"],
}


@pytest.mark.parametrize(
    "name", ["flamepy", "flamepy.core", "flamepy.cache", "flamepy.core.types", "flamepy.core.cache"]
)
def test_all_is_complete(name: str) -> None:
    module = importlib.import_module(name)
    exported = set(module.__all__)
    submodules = {
        entry
        for entry in dir(module)
        if isinstance(getattr(module, entry), type(sys)) and entry not in exported
    }
    public = {entry for entry in dir(module) if not entry.startswith("_")} - submodules
    public.discard("TYPE_CHECKING")
    assert public == exported - {"__version__"}
    assert all(hasattr(module, entry) for entry in exported)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in PICKLED.items() for name in names]
)
def test_pickles_name_public_paths(module: str, name: str) -> None:
    thing = getattr(importlib.import_module(module), name)
    assert thing.__module__ == module
    assert module in sys.modules


def test_the_published_names_are_there() -> None:
    assert (
        flamepy.runner.FlameRunpyService
        is importlib.import_module("flamepy.runpy").FlameRunpyService
    )
    assert (
        importlib.import_module("flamepy.runner.runpy").main
        is importlib.import_module("flamepy.runpy").main
    )
    with pytest.raises(AttributeError):
        flamepy.runner.__getattr__("nothing")


def test_the_version_is_the_one_of_the_project() -> None:
    project = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]
    assert flamepy.__version__ == project["version"]


def test_importing_it_is_light_and_silent() -> None:
    program = (
        "import logging, sys, flamepy, flamepy.runpy\n"
        "heavy = {'yaml', 'pyarrow', 'numpy', 'pandas', 'fastapi', 'uvicorn', 'http.server'}\n"
        "heavy |= {'tarfile', 'tempfile'}\n"
        "print(sorted(heavy & set(sys.modules)), logging.getLogger().handlers)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": str(SDK)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[] []\n"
    assert done.stderr == ""


def test_help_is_short_and_its_program_prints_what_it_says(real: RealCluster) -> None:
    text = pydoc.plain(pydoc.render_doc(flamepy))
    assert flamepy.__doc__ is not None
    assert text.index("session(7)") < 300
    assert "CLASSES" not in text
    described = text.split("PACKAGE CONTENTS")[0].splitlines()
    assert len(described) < 30
    contents = text.split("PACKAGE CONTENTS")[1].split("FUNCTIONS")[0].split("\n")
    private = [line for line in contents if line.strip().startswith("_")]
    assert all(line.endswith("(package)") for line in private if line.strip() != "__main__")
    assert len(text.splitlines()) < 75
    program = textwrap.dedent(flamepy.__doc__.split("::\n")[1].split("\ncreate_session")[0])
    assert len([line for line in program.splitlines() if line]) < 6
    done = run_program(real, program)
    assert (done.returncode, done.stdout.split()) == (0, re.findall(r"# (\d+)", program))
    for name in re.findall(r"^(\w+) {2,}", flamepy.__doc__, re.MULTILINE):
        assert pydoc.render_doc(getattr(flamepy, name))
    assert "create_session" in flamepy.__all__
