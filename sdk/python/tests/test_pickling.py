"""What pickles by name, what cannot be pickled, and what is said of it."""

import contextvars
import functools
import importlib
import importlib.machinery
import sys
import types
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind
from flamepy._calls.requests import encode_context, encode_request
from flamepy._results.result import encode_result
from flamepy._values import codec
from flamepy._values.envelope import unseal
from tests.support.cache_server import CacheServer
from tests.support.instance import InstanceProcess
from tests.support.runpy_client import Client

MAIN = """
import functools, threading, typing

@functools.lru_cache(maxsize=7, typed=True)
def cached(n):
    return 1 if n < 2 else n * cached(n - 1)

def uses(n):
    return cached(n)

class Cached:
    def __init__(self):
        self.n = 3

    @functools.cache
    def method(self):
        return self.n

type Number = int | float
UserId = typing.NewType("UserId", int)

def typed(n: "Number") -> UserId:
    return UserId(n), Number.__value__, UserId.__supertype__

guard = threading.Lock()

def uses_lock():
    return guard

def closes_over_lock(lock=None):
    inner = threading.Lock()
    def inside():
        return inner
    return inside

def waits(a, b=guard):
    pass

def waits_by_name(a, b=1, *, c=guard):
    pass

class Ring:
    def __init__(self):
        self.itself = self
        self.lock = guard

class HasLock:
    def __init__(self):
        self.parts = {"a": [1, threading.Lock()]}
"""


def give_nothing() -> Iterator[None]:
    yield


@pytest.fixture(scope="module")
def main() -> types.ModuleType:
    """What a client's main program defines: pickled by value, and not found where it is loaded."""
    module = types.ModuleType("__main__")
    exec(MAIN, vars(module))
    return module


@pytest.fixture
def client(runpy: InstanceProcess) -> Client:
    return Client(runpy)


def test_cached_functions_of_the_main_program_work(client: Client, main: Any) -> None:
    for function, expected in ((main.cached, 120), (main.uses, 120)):
        client.enter(function, RunnerServiceKind.Stateless)
        assert client.call(RunnerRequest(args=(5,))) == expected
        client.process.leave()
    client.enter(main.Cached(), RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest("method")) == 3


def test_types_of_the_main_program_work(client: Client, main: Any) -> None:
    client.enter(main.typed, RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest(args=(5,))) == (5, int | float, int)


def test_a_cached_function_keeps_its_name_and_parameters(main: Any) -> None:
    back = cloudpickle.loads(codec.pickled(main.cached)[4:])
    assert (back.__name__, back.cache_parameters()) == ("cached", {"maxsize": 7, "typed": True})
    assert back(5) == 120
    assert back.cache_info().currsize == 5, "the function calls the cached one of its own globals"


def test_what_a_module_has_goes_by_name(main: Any) -> None:
    for thing in (importlib.import_module("re")._compile_template, typing.NewType):
        assert cloudpickle.loads(codec.pickled(thing)[4:]) is thing


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda m: m.uses_lock, "the global variable 'guard' of uses_lock() is a _thread.lock"),
        (
            lambda m: m.closes_over_lock(),
            "the variable 'inner' of closes_over_lock.<locals>.inside() is a _thread.lock",
        ),
        (
            lambda m: m.HasLock(),
            "the attribute 'parts' of this HasLock, its item 'a', its item 1 is a _thread.lock",
        ),
        (
            lambda m: functools.partial(m.typed, m.guard),
            "its argument 0 is a _thread.lock",
        ),
        (
            lambda m: m.HasLock().__init__,
            "the object of its method '__init__', the attribute 'parts' of this HasLock",
        ),
        (lambda m: give_nothing(), "it is a generator"),
        (lambda m: {"x": sys._getframe()}, "its item 'x' is a frame"),
        (lambda m: m.waits, "the default of the argument 'b' of waits() is a _thread.lock"),
        (lambda m: m.waits_by_name, "the default of the argument 'c' of waits_by_name() is a _th"),
        (lambda m: [m.Ring()], "its item 0, the attribute 'lock' of this Ring is a _thread.lock"),
    ],
    ids=[
        "global",
        "closure",
        "attribute",
        "partial",
        "method",
        "itself",
        "item",
        "default",
        "keyword",
        "ring",
    ],
)
def test_what_cannot_be_pickled_is_named(
    cache: CacheServer, main: Any, make: Any, said: str
) -> None:
    value = make(main)
    with pytest.raises(TypeError, match=r"^cannot send the object: ") as caught:
        flamepy.put_object("app/ssn", value)
    assert said in str(caught.value)
    assert str(caught.value.__cause__) in str(caught.value)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: encode_result(value, "app/ssn"), "the result of the call: "),
        (
            lambda: encode_request(RunnerRequest(args=(value,)), "a/s"),
            "the request: the attribute 'args'",
        ),
        (lambda: encode_context(RunnerContext(value), "a/s"), "the context of the session: the"),
    ]
    for call, what in calls:
        with pytest.raises(TypeError, match=f"^cannot send {what}"):
            call()


def test_an_error_of_the_users_own_pickling_stays_what_it_is() -> None:
    class Odd:
        def __reduce__(self) -> Any:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        codec.pickled(Odd(), "the request")
    assert caught.value.__notes__ == ["raised when the request was pickled"]
    with pytest.raises(KeyError, match="mine") as caught:
        codec.pickled([1, {"a": Odd()}], "the request")
    assert caught.value.__notes__ == [
        "raised when the request, its item 1, its item 'a' was pickled"
    ]


def test_what_to_do_is_said_where_somebody_knows() -> None:
    async def waits() -> None:
        pass

    async def gives() -> AsyncIterator[int]:
        yield 1

    coroutine = waits()
    for thing, advice in (
        (give_nothing(), "send a list of what it yields, as list"),
        (gives(), r"as \[x async for x in"),
        (coroutine, "send the function and its arguments"),
    ):
        with pytest.raises(TypeError, match=f"it is an? .*; it runs where it was made: .*{advice}"):
            codec.pickled([thing][0], "the value")
    coroutine.close()


def test_a_context_variable_has_its_default_and_not_what_it_is_set_to() -> None:
    bare: contextvars.ContextVar[int] = contextvars.ContextVar("bare")
    filled = contextvars.ContextVar("filled", default=(7,))
    bare.set(1)
    filled.set((2,))
    there = cloudpickle.loads(codec.pickled((bare, filled, bare))[4:])
    assert there[0] is there[2]
    assert (there[0].name, there[0].get(None)) == ("bare", None)
    assert there[1].get() == (7,)


def test_what_is_too_deep_is_said_at_once() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match=r"it is a list, which cannot be pickled .*recursion"):
        codec.pickled(deep, "the request")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that is installed with the client, and nowhere else."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "local_helpers.py").write_text("class Thing:\n    pass\n")
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("local_helpers")
    sys.modules.pop("local_helpers")


def fails(client: Client, *args: Any) -> str:
    client.enter(lambda *_: 1, RunnerServiceKind.Stateless)
    with pytest.raises(flamepy.RemoteTaskError) as caught:
        client.call(RunnerRequest(args=args))
    client.process.leave()
    return caught.value.remote_traceback


def test_a_module_that_only_the_client_has_is_named_wherever_it_is_needed(
    client: Client, local: Any
) -> None:
    thing = local.Thing()
    ref = flamepy.put_object("a/s", thing)
    for argument, what in ((thing, "the request of task"), (ref, f"object '{ref.key}'")):
        text = fails(client, argument)
        assert what in text
        assert " needs it. The module 'local_helpers' is not installed on the executor (Py" in text
        assert "cloudpickle.register_pickle_by_value(module)" in text


def test_a_module_that_only_the_executor_has_is_named_to_the_client(
    cache: CacheServer, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = flamepy.put_object("app/ssn", local.Thing())
    monkeypatch.setitem(sys.modules, "local_helpers", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        ref.get()
    assert "is not installed here. Install" in caught.value.__notes__[0]


def test_what_can_only_be_found_in_the_main_program_is_explained(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ByName:
        def __reduce__(self) -> str:
            return "only_here"

    thing = ByName()
    monkeypatch.setattr(ByName, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "only_here", thing, raising=False)
    assert "can only be pickled by name, so it is not here" in fails(client, thing)


class Text(str):
    """A text that only this program knows."""


@pytest.mark.parametrize(
    "request_",
    [
        RunnerRequest(),
        RunnerRequest("method"),
        RunnerRequest(args=(1, 2.5, "text", b"bytes", None, True, 1j)),
        RunnerRequest(kwargs={"a": 1, "b": "two"}),
        RunnerRequest(args=([1, {2: 3}], Text("own"))),
        RunnerRequest(Text("own")),
    ],
)
def test_a_request_is_the_same_however_it_is_pickled(request_: RunnerRequest) -> None:
    body = unseal(encode_request(request_, "app/ssn")).body
    assert cloudpickle.loads(body) == request_
    assert bytes(body) == bytes(codec.pickled(request_)[4:])


def test_a_large_request_of_plain_values_travels_through_the_cache(cache: CacheServer) -> None:
    envelope = unseal(encode_request(RunnerRequest(args=("x" * 300_000,)), "app/ssn"))
    assert envelope.text("body") == "ref"
    assert len(cache.objects) == 1


def test_a_module_that_another_thread_imports_is_none_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    half = types.ModuleType("pyarrow")
    half.__spec__ = importlib.machinery.ModuleSpec("pyarrow", None)
    half.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", half)
    assert cloudpickle.loads(codec.pickled([1])[4:]) == [1]
