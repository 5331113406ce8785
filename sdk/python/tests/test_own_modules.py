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
from flamepy import RunnerRequest, RunnerServiceKind, _codec, _unpicklable
from flamepy._own_modules import is_own
from tests.support.instance import InstanceProcess
from tests.support.runpy_client import Client

FILES = {
    "own_helpers.py": """
import dataclasses, enum, functools, threading, typing
import own_project.limits
import own_project.limits as limits

guard = threading.Lock()
count = 0
T = typing.TypeVar("T")

class Colour(enum.Enum):
    RED = 1
    BLUE = 2
    def mixed(self):
        return (self, Colour.BLUE)

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    kind: Colour = Colour.RED
    class Inner:
        pass
    def moved(self, by):
        return Point(self.x + by, self.y, self.kind)

class Refused(ValueError):
    def __init__(self, what, *, limit):
        super().__init__(f"{what} is over {limit}")
        self.limit = limit

class Counter:
    def __init__(self):
        self.n = 0
    def add(self, by=1):
        self.n += by
        return self.n

class Strict(type):
    def __new__(meta, name, bases, namespace, *, tag):
        made = super().__new__(meta, name, bases, {**namespace, "tag": tag})
        made.fields = sorted(namespace["__annotations__"])
        return made
    def __init__(cls, name, bases, namespace, *, tag):
        super().__init__(name, bases, namespace)
        cls.title = name + "/" + tag

class Row(metaclass=Strict, tag="row"):
    a: int
    b: int

class Plugin(typing.Generic[T]):
    found = {}
    def __init_subclass__(cls, *, level, **more):
        super().__init_subclass__(**more)
        Plugin.found[cls.name] = level

class Greeter(Plugin[int], level=3):
    name = "greeter"

def of_plugins():
    made = Greeter()
    is_one = isinstance(made, Plugin) and Greeter.__mro__[1] is Plugin
    return made.found, is_one, Row.fields, Row.title, Row.tag, Compact().__slots__

class Compact:
    __slots__ = ()
    def __init_subclass__(cls, *, level):
        pass

class Smaller(Compact, level=1):
    __slots__ = ("a",)

def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ("traced", function(*args))
    return wrapper

@traced
def decorated(x):
    return twice(x)

def twice(x):
    return 2 * x

def counted():
    global count
    count += 1
    return count

def within(point):
    return isinstance(point, Point), point.moved(own_project.limits.STEP)

def checked(value):
    if value > limits.HIGH:
        raise Refused(value, limit=limits.HIGH)
    return value

def guarded():
    with guard:
        return 1

def imports_late():
    import own_late
    from own_project import shapes
    from own_project.shapes import Square
    return own_late.answer(), shapes.Square is Square, Square(3).area()

@functools.singledispatch
def described(value):
    return "thing"

@described.register
def _(value: int):
    return "int"

def of_globals(name):
    return globals()[name], sorted(globals())
""",
    "own_late.py": "def answer():\n    return 42\n",
    "own_project/__init__.py": "",
    "own_project/limits.py": "HIGH = 10\nSTEP = 5\nUNUSED = open(__file__)\n",
    "own_project/shapes.py": """
from .base import Shape

class Square(Shape):
    def __init__(self, side):
        super().__init__("square")
        self.side = side
    def area(self):
        from . import base
        return base.rounded(self.side ** 2)
""",
    "own_project/base.py": """
import abc

class Shape(abc.ABC):
    made = []
    def __init__(self, name):
        self.name = name
        self.made.append(name)
    @abc.abstractmethod
    def area(self): ...

def rounded(number):
    return float(number)
""",
}


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
        _codec.pickled(own.guarded, "the function")
    with pytest.raises(TypeError, match=r"'guard' of own_helpers, used by .*is a _thread.lock"):
        _codec.pickled(lambda: own.guard, "the function")
    with pytest.raises(TypeError, match=r"'UNUSED' of .*limits, used by .*open file .*limits.py"):
        _codec.pickled(lambda: own.limits.UNUSED, "the function")


def test_what_no_code_names_is_said_to_be_missing(call: Callable[..., Any], own: Any) -> None:
    with pytest.raises(flamepy.RemoteTaskError, match="module 'own_helpers' has no attribute 'no"):
        call(lambda: getattr(own, "no" + "thing"))


def test_a_large_global_is_refused_by_name(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_codec, "GLOBAL_BYTES_MAX", 1000)
    monkeypatch.setattr(_unpicklable, "GLOBAL_BYTES_MAX", 1000)
    monkeypatch.setattr(own, "count", bytes(2000))
    with pytest.raises(
        flamepy.FlameValueError, match=r"'count' of the module own_helpers .*put_ob"
    ):
        _codec.pickled(own.counted, "the function")
    assert len(_codec.pickled(bytes(2000))) > 2000


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
        "import own_helpers\nfrom flamepy import _codec\n"
        "open({!r}, 'wb').write(_codec.pickled((own_helpers.Point(7), own_helpers.Colour.RED)))"
    )
    file = tmp_path / "cell"
    environment = {**os.environ, "PYTHONPATH": str(Path(flamepy.__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-c", program.format(folder, str(file))], env=environment, check=True
    )
    point, colour = _codec.decode(file.read_bytes())
    assert (point, colour) == (own.Point(7), own.Colour.RED)
    assert type(point) is own.Point


def test_which_modules_are_own(own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import google.protobuf

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
