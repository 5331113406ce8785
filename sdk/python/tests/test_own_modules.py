"""Modules that only the client has: what they define travels by value."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import RunnerRequest, RunnerServiceKind
from flamepy._values import codec, unpicklable
from flamepy._values.own_modules import is_own
from tests.support.instance import InstanceProcess
from tests.support.own_files import FILES
from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import Client


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Modules of a client, which no service can import."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    sys.path.insert(0, str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        module = importlib.import_module("own_helpers")
        yield module
        module.own_project.limits.UNUSED.close()
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


@pytest.fixture
def client(runpy: InstanceProcess) -> Client:
    return Client(runpy)


@pytest.fixture
def call(client: Client) -> Callable[..., Any]:
    """Call a function in a session of its own."""

    def called(function: Any, *args: Any) -> Any:
        client.enter(function, RunnerServiceKind.Stateless)
        try:
            return client.call(RunnerRequest(args=args))
        finally:
            client.process.leave()

    return called


def test_values_come_back_as_the_callers_own_classes(call: Callable[..., Any], own: Any) -> None:
    is_point, moved = call(own.within, own.Point(1, 2, own.Colour.BLUE))
    assert is_point
    assert type(moved) is own.Point
    assert moved == own.Point(6, 2, own.Colour.BLUE)
    assert moved.kind is own.Colour.BLUE
    inner = call(lambda kind: (kind, kind()), own.Point.Inner)
    assert inner[0] is own.Point.Inner
    assert type(inner[1]) is own.Point.Inner
    assert call(own.Colour.RED.mixed) == (own.Colour.RED, own.Colour.BLUE)
    assert call(lambda: own.T) is not None


def test_the_callers_classes_stay_as_they_are(call: Callable[..., Any], own: Any) -> None:
    before = dict(vars(own.Point))
    call(own.within, own.Point(1))
    assert dict(vars(own.Point)) == before


def test_functions_take_along_what_they_use(call: Callable[..., Any], own: Any) -> None:
    assert call(own.decorated, 4) == ("traced", 8)
    assert call(own.described, 4) == "int"
    assert call(lambda: own.twice(own.own_project.limits.STEP)) == 10
    assert call(own.imports_late) == (42, True, 9.0)
    assert call(own.twice, 4) == 8
    assert call(lambda f: f, own.twice) is own.twice


def test_classes_are_not_defined_again(call: Callable[..., Any], own: Any) -> None:
    expected = ({"greeter": 3}, True, ["a", "b"], "Row/row", "row", ())
    assert call(own.of_plugins) == expected
    assert type(call(own.Greeter)) is own.Greeter
    assert type(call(own.Row)) is own.Row
    assert type(call(own.Smaller)) is own.Smaller
    assert call(lambda kind: [each.__name__ for each in kind.__mro__], own.Smaller) == [
        "Smaller",
        "Compact",
        "object",
    ]


def test_classes_with_slots_have_them_there(call: Callable[..., Any], own: Any) -> None:
    (slotted, data), pair = call(own.slotted, (1, 2), [own.Slotted, own.SlottedData])
    assert (type(slotted), type(data), type(pair)) == (own.Slotted, own.SlottedData, own.Pair)
    assert (slotted.a, slotted.b, data.a, data.b, data.c, pair) == (1, 2, 1, 2, 3, (1, 2))
    assert not hasattr(call(lambda kind: kind(1, 2), own.Slotted), "__dict__")


def test_a_class_that_has_no_name_in_its_module_comes_back_as_it_is(
    client: Client, own: Any
) -> None:
    kind = own.made_locally()
    client.enter(lambda: (kind, kind()), RunnerServiceKind.Stateless)
    kind.count = 2
    back, made = client.call(RunnerRequest(args=()))
    assert (back, type(made)) == (kind, kind)
    assert kind.count == 2


def test_code_names_the_file_that_it_is_from(call: Callable[..., Any], own: Any) -> None:
    assert call(lambda f: f.__code__.co_filename, own.twice) == own.__file__
    assert call(lambda: own.twice.__code__.co_filename) == own.__file__


def test_a_global_that_changes_there_stays_there(client: Client, own: Any) -> None:
    own.count = 5
    client.enter(own.counted, RunnerServiceKind.Stateless)
    assert [client.call(RunnerRequest(args=())) for _ in range(2)] == [6, 7]
    assert own.count == 5


def test_exceptions_of_own_modules_are_the_callers_own(call: Callable[..., Any], own: Any) -> None:
    with pytest.raises(flamepy.RemoteTaskError) as caught:
        call(own.checked, 11)
    assert isinstance(caught.value, own.Refused)
    cause: Any = caught.value.__cause__
    assert type(cause) is own.Refused
    assert cause.limit == 10
    assert str(cause) == "11 is over 10"


def test_states_of_own_classes_are_kept(client: Client, own: Any) -> None:
    counter = own.Counter()
    client.enter(counter)
    assert [client.call(RunnerRequest("add", args=(by,))) for by in (1, 2)] == [1, 3]
    assert counter.n == 0


def test_what_cannot_travel_is_named(own: Any) -> None:
    with pytest.raises(TypeError, match=r"the global variable 'guard' of guarded\(\) is a _thread"):
        codec.pickled(own.guarded, "the function")
    with pytest.raises(TypeError, match=r"'guard' of own_helpers, used by .*is a _thread.lock"):
        codec.pickled(lambda: own.guard, "the function")
    with pytest.raises(TypeError, match=r"the attribute 'lock' of the class Locked is a _thread"):
        codec.pickled(own.Locked, "the function")
    with pytest.raises(TypeError, match=r"'UNUSED' of .*limits, used by .*open file .*limits.py"):
        codec.pickled(lambda: own.limits.UNUSED, "the function")


def test_what_no_code_names_is_said_to_be_missing(call: Callable[..., Any], own: Any) -> None:
    with pytest.raises(flamepy.RemoteTaskError, match="module 'own_helpers' has no attribute 'no"):
        call(lambda: getattr(own, "no" + "thing"))


def test_a_large_global_is_refused_by_name(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "GLOBAL_BYTES_MAX", 1000)
    monkeypatch.setattr(unpicklable, "GLOBAL_BYTES_MAX", 1000)
    monkeypatch.setattr(own, "count", bytes(2000))
    with pytest.raises(
        flamepy.FlameValueError, match=r"'count' of the module own_helpers .*put_ob"
    ):
        codec.pickled(own.counted, "the function")
    assert len(codec.pickled(bytes(2000))) > 2000


def test_a_whole_module_can_be_sent(call: Callable[..., Any], own: Any) -> None:
    base = importlib.import_module("own_project.base")
    assert call(lambda module: module.rounded(3), base) == 3.0
    assert call(lambda: base) is base


def test_modules_are_forgotten_with_the_session(call: Callable[..., Any], own: Any) -> None:
    def loaded() -> list[str]:
        import sys

        return [name for name in sys.modules if name.startswith("own_")]

    def uses_and_tells() -> Any:
        return own.twice(1), loaded()

    assert call(uses_and_tells)[1] == ["own_helpers"]
    assert call(loaded) == []


def test_a_task_can_pickle_and_start_processes(call: Callable[..., Any], own: Any) -> None:
    def pickles(point: Any) -> Any:
        return pickle.loads(pickle.dumps(point))

    def in_processes(kind: str) -> Any:
        import multiprocessing

        with multiprocessing.get_context(kind).Pool(1) as pool:
            return pool.map(own.decorated, [1]), pool.apply(own.within, (own.Point(1),))

    assert call(pickles, own.Point(3)) == own.Point(3)
    for kind in ("fork", "spawn"):
        assert call(in_processes, kind) == ([("traced", 2)], (True, own.Point(6)))


def test_objects_of_an_earlier_run_are_of_the_programs_class(
    client: Client, own: Any, tmp_path: Path
) -> None:
    folder = str(Path(own.__file__).parent)
    program = (
        "import sys; sys.path.insert(0, {!r})\n"
        "import own_helpers\nfrom flamepy._values import codec\n"
        "open({!r}, 'wb').write(codec.pickled((own_helpers.Point(7), own_helpers.Colour.RED)))"
    )
    file = tmp_path / "cell"
    environment = {**os.environ, "PYTHONPATH": str(Path(flamepy.__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-c", program.format(folder, str(file))], env=environment, check=True
    )
    point, colour = codec.decode(file.read_bytes())
    assert (point, colour) == (own.Point(7), own.Colour.RED)
    assert type(point) is own.Point


def test_assertions_of_test_modules_need_no_pytest() -> None:
    limit = 3

    def checks(value: int) -> int:
        assert value < limit, f"too large: {value}"
        return value

    def compares(value: list[int]) -> None:
        assert len(value) == limit and checks(1)

    cell = codec.pickled((checks, compares))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "_pytest.assertion.rewrite", None)
        there_checks, there_compares = codec.decode(cell)
    assert there_checks is not checks
    assert there_checks(1) == 1
    with pytest.raises(AssertionError) as caught:
        there_checks(5)
    assert str(caught.value) == "too large: 5\nassert 5 < 3"
    with pytest.raises(AssertionError) as caught:
        there_compares([1, 2])
    assert str(caught.value) == "assert (2 == 3)\n +  where 2 = len([1, 2])"


def test_the_program_of_the_readme_prints_what_it_says(real: RealCluster, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    section = readme.split("## Own modules, and errors")[1]
    (tmp_path / "pricing.py").write_text(section.split("```py\n")[1].split("```")[0])
    program = section.split("```python\n")[1].split("```")[0]
    said = [line.split("  # ", 1)[1] for line in program.splitlines() if "print(" in line]
    done = run_program(real, program, tmp_path)
    print(done.stderr)
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", said)
    assert len(said) == 4


def test_which_modules_are_own(own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import google.protobuf

    importlib.import_module("own_project.base")
    target = tmp_path / "target"
    (target / "own_target-1.dist-info").mkdir(parents=True)
    (target / "own_target.py").write_text("")
    (target / "own_beside.py").write_text("")
    record = "own_target.py,,\nown_target-1.dist-info/RECORD,,\n"
    (target / "own_target-1.dist-info/RECORD").write_text(record)
    (target / "own_target-1.dist-info/METADATA").write_text("Name: own-target\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(target))
    for name in ("own_target", "own_beside"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    monkeypatch.setitem(sys.modules, "own_made", types.ModuleType("own_made"))
    for name in ("own_helpers", "own_project", "own_project.base", "own_beside", "own_made"):
        assert is_own(name), name
    installed = ("pytest", "cloudpickle", "google", "google.protobuf", "flamepy", "own_target")
    of_python = ("__main__", "os", "os.path", "sys", "json.decoder")
    for other in (*of_python, *installed, "no_such", None):
        assert not is_own(other), other
    assert google.protobuf is not None
    monkeypatch.setenv("FLAME_INSTANCE_ENDPOINT", "/x")
    assert not is_own("own_helpers"), "an executor has what it has imported"
