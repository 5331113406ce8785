"""Every public name of the published flamepy is here, and takes what it takes there."""

import importlib
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import flamepy
from tests.support import describe_api
from tests.support.published import run_published

MODULES = [
    "flamepy",
    "flamepy.cache",
    "flamepy.core",
    "flamepy.core.cache",
    "flamepy.core.client",
    "flamepy.core.service",
    "flamepy.core.types",
    "flamepy.proto",
    "flamepy.runner",
    "flamepy.runner.e2e",
    "flamepy.runner.helper",
    "flamepy.runner.runner",
    "flamepy.runner.runpy",
    "flamepy.runner.storage",
    "flamepy.runner.types",
    "flamepy.service",
    "flamepy.service.client",
    "flamepy.service.instance",
    "flamepy.util",
]
#: Made by flamepy alone, or called by it alone: what they take is nobody else's.
OWN_PARAMETERS = {
    "Connection",
    "FrontendStub",
    # A handler of FastAPI there, which this flamepy does not need.
    "entrypoint_local_api",
}
#: What differs on purpose.
OTHER_VALUES = {"__version__"}


@cache
def published() -> dict[str, Any]:
    return dict(run_published(Path(describe_api.__file__).read_text()))


def accepts(ours: list[list[Any]] | None, theirs: list[list[Any]] | None) -> str:
    """Return why a call that the published flamepy takes would be refused; empty: it would not."""
    if ours is None or theirs is None:
        return ""
    positional = [entry for entry in ours if entry[1] != "KEYWORD_ONLY"]
    names = {entry[0]: entry for entry in ours}
    variable = {entry[1] for entry in ours}
    for at, (name, kind, default) in enumerate(theirs):
        if kind.startswith("VAR_"):
            if kind not in variable:
                return f"no {kind} {name}"
            continue
        if name not in names:
            return f"no parameter {name}"
        if kind == "POSITIONAL_OR_KEYWORD" and positional[at][0] != name:
            return f"parameter {at} is {positional[at][0]}, not {name}"
        if default and not names[name][2]:
            return f"{name} has no default"
    known = {entry[0] for entry in theirs}
    more = [name for name, kind, default in ours if name not in known and not default]
    more = [name for name in more if not names[name][1].startswith("VAR_")]
    return f"{more} have no default" if more else ""


def compare(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Return what a program would miss."""
    if "module" in theirs:
        return [] if "module" in ours else [f"{name} is no module"]
    if "value" in theirs:
        same = name in OTHER_VALUES or ours.get("value") == theirs["value"]
        return [] if same else [f"{name} is {ours.get('value')!r}, not {theirs['value']!r}"]
    faults = []
    for member, value in theirs.get("members", {}).items():
        if ours["members"].get(member) != value:
            faults.append(f"{name}.{member} is {ours['members'].get(member)}, not {value}")
    if name not in OWN_PARAMETERS:
        why = accepts(ours.get("parameters"), theirs.get("parameters"))
        faults += [f"{name}: {why}"] if why else []
    fields = [field for field in theirs.get("fields", ()) if field not in ours["fields"]]
    faults += [f"{name} has no field {field}" for field in fields]
    there = {*ours.get("attributes", ()), *ours.get("fields", ()), *ours.get("methods", ())}
    there |= {entry[0] for entry in ours.get("parameters") or ()}  # Kept under their names.
    missing = [entry for entry in theirs.get("attributes", ()) if entry not in there]
    faults += [f"{name} has no {entry}" for entry in missing]
    for method, expected in theirs.get("methods", {}).items():
        if method not in ours["methods"]:
            faults.append(f"{name} has no method {method}")
        else:
            why = accepts(ours["methods"][method], expected)
            faults += [f"{name}.{method}: {why}"] if why else []
    return faults


def test_these_are_the_published_modules() -> None:
    assert sorted(published()) == MODULES
    assert importlib.import_module("flamepy.__main__")
    assert importlib.import_module("flamepy.runner.__main__")


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_here_and_takes_what_it_takes_there(name: str) -> None:
    module = importlib.import_module(name)
    faults = []
    for entry, theirs in published()[name].items():
        if not hasattr(module, entry):
            faults.append(f"no {entry}")
            continue
        thing = getattr(module, entry)
        is_module = isinstance(thing, type(sys))
        ours = {"module": True} if is_module else describe_api.describe(thing)
        faults += compare(entry, ours, theirs)
    assert faults == []


@pytest.mark.parametrize("name", [name for name in MODULES if name != "flamepy"])
def test_what_a_star_imports_is_what_it_imports_there(name: str) -> None:
    module = importlib.import_module(name)
    scope: dict[str, Any] = {}
    exec(f"from {name} import *", scope)
    assert set(getattr(module, "__all__", ())) <= set(scope)


def test_flamepy_says_its_version_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flamepy"],
        env={"PYTHONPATH": str(Path(flamepy.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"flamepy {flamepy.__version__}\n"
    assert done.stderr == ""
