"""A small check that a cluster can run what a Runner ships: ``python -m flamepy.runner.e2e``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flamepy._client.config import DEFAULT_FLAME_RUNNER_TEMPLATE, FlameContext
from flamepy._client.functions import get_application
from flamepy._model.errors import FlameError
from flamepy.runner.runner import Runner

__all__ = [
    "DEFAULT_TASKS",
    "Runner",
    "RunnerE2EResult",
    "build_parser",
    "format_result",
    "main",
    "run_runner_e2e",
]

DEFAULT_TASKS = 4
_PREFIX = "flamepy-runner-e2e-"


@dataclass(frozen=True)
class RunnerE2EResult:
    """What a check that passed has seen.

    Attributes:
        app_name: the application that it made.
        template: the application that it was made like.
        workdir: the folder that was shipped.
        function_results: squares of 0 and up, from a function.
        chained_result: the sum of two squares, which went from call to call as references.
        stateful_result: what an object had counted in the end.
    """

    app_name: str
    template: str
    workdir: str
    function_results: list[int]
    chained_result: int
    stateful_result: int


def run_runner_e2e(
    name: str | None = None,
    tasks: int = DEFAULT_TASKS,
    python_version: str | None = None,
    dependencies: Sequence[str] | None = None,
    workdir: Path | None = None,
    keep_workdir: bool = False,
) -> RunnerE2EResult:
    """Ship a small project to the configured cluster, and call a function and an object in it.

    Args:
        name: name of the application; None for a generated one.
        tasks: calls of the function, 1 or more.
        python_version: as for :class:`Runner`.
        dependencies: as for :class:`Runner`.
        workdir: the folder to ship, which is made; None for a temporary one.
        keep_workdir: whether a temporary one stays.

    Raises:
        ValueError: ``tasks`` is too small.
        RuntimeError: the template is not there, or a result is wrong.
        FlameError: what a Runner raises.
    """
    if tasks < 1:
        raise ValueError(f"tasks must be >= 1, got {tasks}")
    template = FlameContext().runner.template or DEFAULT_FLAME_RUNNER_TEMPLATE
    if get_application(template) is None:
        raise RuntimeError(f"Runner template application {template!r} is not registered")
    app_name = name or _PREFIX + uuid.uuid4().hex[:8]
    with _project(workdir, keep_workdir) as folder, _working_in(folder):
        with Runner(app_name, dependencies=dependencies, python_version=python_version) as runner:
            results = _check(runner, tasks)
        return RunnerE2EResult(app_name, template, str(folder), *results)


def format_result(result: RunnerE2EResult) -> str:
    """Return the lines that tell people of a check that passed."""
    return "\n".join(
        (
            "Flame Runner cluster e2e passed",
            f"app: {result.app_name}",
            f"template: {result.template}",
            f"workdir: {result.workdir}",
            f"function results: {result.function_results}",
            f"ObjectFuture chained result: {result.chained_result}",
            f"stateful instance result: {result.stateful_result}",
        )
    )


def build_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        description="Run a small Flame Runner workload against the configured cluster."
    )
    add = parser.add_argument
    add("--name", help=f"name of the application (default: a new {_PREFIX}* name)")
    add(
        "--tasks",
        type=_positive,
        default=DEFAULT_TASKS,
        help=f"calls of the function (default: {DEFAULT_TASKS})",
    )
    add("--python-version", help="Python of the executors, such as 3.12")
    add(
        "--dependency",
        action="append",
        default=[],
        help="a package that the project requires; may be repeated",
    )
    add("--workdir", type=Path, help="folder to ship (default: a temporary one)")
    add("--keep-workdir", action="store_true", help="keep the temporary folder")
    add("--json", action="store_true", dest="json_output", help="print the result as JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check and print its result; returns the exit code, 0 when it passed."""
    args = build_parser().parse_args(argv)
    try:
        result = run_runner_e2e(
            name=args.name,
            tasks=args.tasks,
            python_version=args.python_version,
            dependencies=args.dependency,
            workdir=args.workdir,
            keep_workdir=args.keep_workdir,
        )
    except Exception as error:
        text = error.message if isinstance(error, FlameError) else error
        print(f"Flame Runner cluster e2e failed: {text}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(result), sort_keys=True) if args.json_output else format_result(result))
    return 0


def _check(runner: Runner, tasks: int) -> tuple[list[int], int, int]:
    # Defined here, they travel by value: the project that is shipped knows nothing of them.
    def square(value: int) -> int:
        return value * value

    def add(left: int, right: int) -> int:
        return left + right

    class Counter:
        def __init__(self) -> None:
            self._value = 0

        def add(self, value: int) -> int:
            self._value += value
            return self._value

        def value(self) -> int:
            return self._value

    squares = runner.service(square)
    results: list[int] = runner.get([squares(number) for number in range(tasks)])
    _expect("function Runner", [number * number for number in range(tasks)], results)
    sums = runner.service(add)
    chained: int = sums(squares(tasks), squares(tasks + 1)).get()
    _expect("ObjectFuture chaining", tasks**2 + (tasks + 1) ** 2, chained)
    counter = runner.service(Counter(), warmup=1)
    for number in (2, 4):
        counter.add(number).wait()
    counted: int = counter.value().get()
    _expect("stateful Runner instance", 6, counted)
    return results, chained, counted


def _expect(what: str, expected: Any, got: Any) -> None:
    if got != expected:
        raise RuntimeError(f"{what} check failed: expected {expected}, got {got}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be >= 1")
    return number


@contextmanager
def _project(workdir: Path | None, keep: bool) -> Iterator[Path]:
    """Give a folder with something in it."""
    if workdir is not None or keep:
        folder = workdir or Path(tempfile.mkdtemp(prefix=_PREFIX))
        yield _filled(folder)
        return
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as temporary:
        yield _filled(Path(temporary))


def _filled(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    readme = folder / "README.md"
    if not readme.exists():
        readme.write_text("Made by flamepy.runner.e2e.\n", encoding="utf-8")
    return folder


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    raise SystemExit(main())
