"""Run the tests that the published flamepy brings in its source distribution on this flamepy.

``npm run test:published`` calls it. Many of those tests replace private parts of the published
package; each that cannot pass here for that, or that differs on purpose, stands in
published_differences.toml with its reason. It ends with 1 when another test fails, and when one
that stands there passes.
"""

from __future__ import annotations

import ast
import importlib
import pathlib
import sys
import tomllib

import pytest

HERE = pathlib.Path(__file__).parent


class Outcomes:
    """What became of each test, by its file's name and its own."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome of a test; one whose set-up or end fails has failed."""
        name = report.nodeid.removeprefix("tests/")
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a file that could not be read as a test that failed."""
        if report.failed:
            self.failed.add(report.nodeid.removeprefix("tests/"))


def constants_of(module: str, packages: str) -> dict[str, object]:
    """The private constants of a module of the published flamepy, which ``packages`` holds."""
    path = pathlib.Path(packages, *module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: dict[str, object] = {}
    for node in ast.parse(source.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("_") and name.isupper():
                found[name] = eval(ast.unparse(node.value), {}, found)
    return found


def stand_in_for_private_names(folder: pathlib.Path, packages: str) -> None:
    """Give modules the private names that tests import: constants as published, else None."""
    for path in folder.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.split(".")[0] != "flamepy":
                continue
            module = importlib.import_module(node.module)
            constants = constants_of(node.module, packages)
            for name in (alias.name for alias in node.names):
                if name.startswith("_") and not hasattr(module, name):
                    setattr(module, name, constants.get(name))


def expected_differences() -> set[str]:
    """The tests of published_differences.toml."""
    listed = tomllib.loads((HERE / "published_differences.toml").read_text())["difference"]
    return {test for entry in listed for test in entry["tests"]}


def main(folder: str, packages: str) -> int:
    """Run the tests below ``folder``; ``packages`` has what they import beside flamepy."""
    sys.path.insert(0, str(HERE.parent))
    sys.path.append(packages)
    stand_in_for_private_names(pathlib.Path(folder, "tests"), packages)
    outcomes = Outcomes()
    options = [
        "-q",
        "--rootdir",
        folder,
        "--tb",
        "no",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
        "-r",
        "N",
    ]
    options += ["--continue-on-collection-errors", "--import-mode", "importlib"]
    pytest.main([*options, f"{folder}/tests"], plugins=[outcomes])
    passed = outcomes.passed - outcomes.failed
    differences = expected_differences()
    faults = sorted(outcomes.failed - differences)
    for name in faults:
        print(f"FAILED {name}: got a failure, expected that it passes as on the published flamepy")
    for name in sorted(differences - outcomes.failed):
        faults.append(name)
        print(f"FAILED {name}: got no failure, expected one by published_differences.toml")
    told = len(outcomes.failed & differences)
    print(f"{len(passed)} passed, {len(faults)} failed, {told} differ as listed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
