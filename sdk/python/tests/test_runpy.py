import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import (
    ApplicationContext,
    ObjectRef,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    RunnerServiceKind,
    SessionContext,
    TaskContext,
)
from flamepy._calls.requests import encode_context
from flamepy._results.result import decode_result
from flamepy._values.envelope import seal
from flamepy.runpy import FlameRunpyService
from tests.support.cache_server import CacheServer
from tests.support.instance import InstanceProcess
from tests.support.runpy_client import Adder, Client, Counter, add, by_value

SERVICES = str(Path(__file__).with_name("services.py"))
MIB = 1024 * 1024


@pytest.fixture
def client(runpy: InstanceProcess) -> Client:
    return Client(runpy)


def test_a_function_is_called(client: Client) -> None:
    client.enter(add, RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest(method=None, args=(1, 2))) == 3
    assert client.call(RunnerRequest(kwargs={"a": 4, "b": 5})) == 9
    assert client.call(RunnerRequest()) == 0


@pytest.mark.parametrize(
    ("thing", "args", "expected"),
    [
        (lambda x: x + 1, (1,), 2),
        (sum, ([1, 2, 3],), 6),
        (functools.partial(add, 10), (5,), 15),
        (Adder(5), (2,), 7),
        (len, ("abc",), 3),
    ],
)
def test_any_callable_is_called(client: Client, thing: Any, args: Any, expected: int) -> None:
    client.enter(thing, RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest(args=args)) == expected


def test_a_closure_keeps_what_it_closed_over(client: Client) -> None:
    words = ["a", "b"]
    client.enter(lambda word: word in words)
    assert client.call(RunnerRequest(args=("a",))) is True


def test_a_class_is_used_as_it_is(client: Client) -> None:
    client.enter(Adder)
    assert client.call(RunnerRequest(args=(7,))).start == 7
    assert client.call(RunnerRequest("double", args=(4,))) == 8


def test_methods_of_a_value_are_called(client: Client) -> None:
    client.enter({"a": 1})
    assert client.call(RunnerRequest("get", args=("a",))) == 1


def test_a_coroutine_is_awaited(client: Client) -> None:
    async def later(n: int) -> int:
        import asyncio

        await asyncio.sleep(0)
        return n + 1

    client.enter(later)
    assert client.call(RunnerRequest(args=(1,))) == 2


def test_object_references_in_arguments_arrive_as_objects(client: Client) -> None:
    client.enter(lambda a, b=None, c=None: [a, b, type(c[0]).__name__ if c else None])
    ref = flamepy.put_object(client.prefix, {"x": 1})
    assert client.call(RunnerRequest(args=(ref, ref, [ref]))) == [{"x": 1}, {"x": 1}, "ObjectRef"]
    assert client.call(RunnerRequest(kwargs={"a": ref, "b": 2})) == [{"x": 1}, 2, None]
    assert client.call(RunnerRequest(input_object=ref)) == [{"x": 1}, None, None]


def test_a_result_can_be_passed_on_as_an_argument(client: Client) -> None:
    client.enter(lambda a, b=1: a + b)
    result = client.process.invoke("1", client.data(RunnerRequest(args=(1,))))
    first = decode_result(result.output, client.prefix)
    assert client.call(RunnerRequest(args=(first, 10))) == 12


def test_large_arguments_objects_and_results_pass(client: Client, cache: CacheServer) -> None:
    table = bytes(64 * MIB)
    client.enter(lambda data: (len(table), len(data), bytes(64 * MIB)))
    request = RunnerRequest()
    request.input_object = flamepy.put_object(client.prefix, bytes(64 * MIB))
    lengths = client.call(request)
    assert (lengths[0], lengths[1], len(lengths[2])) == (64 * MIB, 64 * MIB, 64 * MIB)
    data = client.data(RunnerRequest(args=(bytes(5 * MIB),)))
    assert len(data) < 1000
    assert client.value(client.process.invoke("9", data))[1] == 5 * MIB


def test_a_stateless_object_forgets_nothing_but_keeps_nothing_either(client: Client) -> None:
    client.enter(Counter(), RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest("add", args=(2,))) == 2
    client.process.leave()
    client.enter(Counter(), RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest("add", args=(2,))) == 2


def test_a_stateful_object_is_kept_over_instances(client: Client, cache: CacheServer) -> None:
    data = encode_context(by_value(RunnerContext(Counter())), client.prefix)
    client.process.enter(data)
    assert client.call(RunnerRequest("add", args=(2,))) == 2
    assert client.call(RunnerRequest("add", args=(3,))) == 5
    client.process.leave()
    client.process.enter(data)
    assert client.call(RunnerRequest("add", args=(4,))) == 9


def test_what_a_failed_call_changed_is_not_kept(client: Client, cache: CacheServer) -> None:
    client.enter(Counter())
    client.call(RunnerRequest("add", args=(1,)))
    with pytest.raises(RemoteTaskError, match="after 100"):
        client.call(RunnerRequest("add_then_fail", args=(100,)))
    with pytest.raises(RemoteTaskError, match="pickle"):
        client.call(RunnerRequest("result_that_cannot_be_pickled", args=(100,)))
    assert client.call(RunnerRequest("add", args=(1,))) == 2


def test_a_task_that_is_run_again_is_answered_and_not_applied_twice(
    client: Client, cache: CacheServer
) -> None:
    client.enter(Counter())
    assert client.call(RunnerRequest("add", args=(2,)), "1") == 2
    assert client.call(RunnerRequest("add", args=(2,)), "1") == 2
    assert client.call(RunnerRequest("add", args=(2,)), "2") == 4


def test_a_kill_between_write_back_and_answer_applies_once(
    cache: CacheServer, tmp_path: Path
) -> None:
    env = {"TEST_MARKER": str(tmp_path / "marker")}
    arguments = (SERVICES, "dies")
    process = InstanceProcess(tmp_path, arguments=arguments, cache_endpoint=cache.endpoint, env=env)
    client = Client(process)
    data = encode_context(by_value(RunnerContext(Counter())), client.prefix)
    request = client.data(RunnerRequest("add", args=(5,)))
    with process:
        process.enter(data)
        process.stream().send(("1", request))
        assert process.stream().batch() is None
        assert process.process.wait(20) == 9
    process.socket.unlink(missing_ok=True)
    with process:
        process.enter(data)
        assert client.value(process.invoke("1", request)) == 5
        assert client.call(RunnerRequest("add", args=(1,)), "2") == 6


def test_a_write_back_from_a_lost_session_is_refused(
    client: Client, cache: CacheServer, tmp_path: Path
) -> None:
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    data = encode_context(by_value(RunnerContext(Counter())), client.prefix)
    client.process.enter(data)

    with InstanceProcess(other_folder, cache_endpoint=cache.endpoint) as process:
        other = Client(process)
        process.enter(data)
        service = FlameRunpyService()
        service.on_session_enter(
            SessionContext(data, "flmrun-abc123", ApplicationContext("flmrun"))
        )
        state = service._current_state()
        assert other.call(RunnerRequest("add", args=(1,)), "7") == 1
        state.context.execution_object.value = 99
        with pytest.raises(flamepy.FlameError, match="was changed by task 7 while task 8 ran"):
            service._write_back(TaskContext("8", "s", None), b"")
        # A write-back that lost against an earlier run of the same task gives that run's answer.
        service._state = state
        answer = service._write_back(TaskContext("7", "s", None), b"mine")
        assert decode_result(answer, other.prefix).get() == 1
        assert other.call(RunnerRequest("add", args=(1,)), "9") == 2


def test_a_remote_error_shows_the_users_frames(client: Client) -> None:
    def inner() -> None:
        raise KeyError("zz")

    client.enter(lambda: inner())
    with pytest.raises(RemoteTaskError) as caught:
        client.call(RunnerRequest())
    error = caught.value
    assert error.message == "KeyError: 'zz'"
    assert isinstance(error.__cause__, KeyError)
    assert "in inner" in error.remote_traceback
    assert "flamepy/_services" not in error.remote_traceback


@pytest.mark.parametrize(
    ("thing", "request_", "message"),
    [
        (Counter(), RunnerRequest("nothing"), "AttributeError: Counter has no method 'nothing'"),
        (Counter(), RunnerRequest(), "the execution object is a Counter and cannot be called"),
        (Counter(), RunnerRequest("value"), "method 'value' is a int and cannot be called"),
        (
            add,
            RunnerRequest(args=(1, 2, 3)),
            "TypeError: .* takes from 0 to 2 positional arguments",
        ),
    ],
)
def test_a_wrong_request_says_what_is_wrong(
    client: Client, thing: Any, request_: RunnerRequest, message: str
) -> None:
    client.enter(thing, RunnerServiceKind.Stateless)
    with pytest.raises(RemoteTaskError, match=message):
        client.call(request_)


def test_a_session_of_another_python_fails_each_task_by_name(client: Client) -> None:
    data = seal({"kind": "Stateless", "body": "inline", "python": "3.11"}, b"\x80never loaded")
    assert client.process.enter(data).return_code == 0
    for _ in range(2):
        with pytest.raises(RemoteTaskError) as caught:
            client.call(RunnerRequest())
        text = caught.value.message
        assert "was made with Python 3.11" in text
        assert "FLAME_PYTHON_VERSION=3.11" in text
        assert isinstance(caught.value.__cause__, flamepy.PythonVersionError)


def test_a_request_of_another_python_is_refused_by_name(client: Client) -> None:
    client.enter(add)
    data = seal({"body": "inline", "python": "3.99"}, b"\x80never loaded")
    with pytest.raises(RemoteTaskError, match=r"the request of task 1 was made with Python 3\.99"):
        client.value(client.process.invoke("1", data))


def test_a_session_without_a_context_is_not_entered(client: Client) -> None:
    for data in (None, b""):
        result = client.process.enter(data)
        assert result.return_code == -1
        assert "sessions of flmrun are created with a RunnerContext" in result.message


@pytest.mark.parametrize("data", [b"\x80\x05N.", b"text", b"\x89FLMRUN\n", seal({}, b"")])
def test_broken_common_data_is_refused(client: Client, data: bytes) -> None:
    assert client.process.enter(data).return_code == -1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "task 1 has no input"),
        (b"text", "Unpickling|invalid load key"),
        (cloudpickle.dumps({"a": 1}), "is a dict: expected a RunnerRequest"),
        (b"\x89FLMRUN\n", "cannot read 8 bytes"),
    ],
)
def test_a_broken_input_fails_the_task(client: Client, data: bytes | None, message: str) -> None:
    client.enter(add)
    with pytest.raises(RemoteTaskError, match=message):
        client.value(client.process.invoke("1", data))
    assert client.call(RunnerRequest()) == 0


def test_a_missing_module_is_named_with_what_to_do(client: Client, tmp_path: Path) -> None:
    import importlib
    import sys

    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "only_here.py").write_text("def f():\n    return 1\n")
    sys.path.insert(0, str(installed))
    try:
        client.enter(importlib.import_module("only_here").f)
    finally:
        sys.path.remove(str(installed))
        del sys.modules["only_here"]
    with pytest.raises(RemoteTaskError, match="No module named 'only_here'") as caught:
        client.call(RunnerRequest())
    assert "Name the package that has it in packages=[...]" in caught.value.remote_traceback


def test_a_cache_that_is_away_keeps_the_session_from_being_entered(
    tmp_path: Path, cache: CacheServer
) -> None:
    with InstanceProcess(tmp_path, cache_endpoint=cache.endpoint) as process:
        ref = ObjectRef("grpc://127.0.0.1:1", "app/ssn/id", 1)
        result = process.enter(seal({"kind": "Stateless", "body": "ref"}, ref.encode()))
        assert result.return_code == -1
        assert "no object cache answers at grpc://127.0.0.1:1" in result.message


@pytest.fixture
def site_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "site"
    package = folder / "only_in_the_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .part import f\n")
    (package / "part.py").write_text("def f(n):\n    return n * 2\n")
    yield folder


def test_the_package_of_the_application_is_importable_while_the_session_lasts(
    cache: CacheServer, tmp_path: Path, site_folder: Path
) -> None:
    def use() -> int:
        from only_in_the_package import f  # type: ignore[import-not-found]

        return int(f(21))

    env = {"FLAME_APP_SITE": str(site_folder)}
    with InstanceProcess(tmp_path, cache_endpoint=cache.endpoint, env=env) as process:
        client = Client(process)
        client.enter(use, url="file:///x.whl")
        assert client.call(RunnerRequest()) == 42


def test_a_package_that_nobody_installed_is_told_in_the_log(
    cache: CacheServer, tmp_path: Path
) -> None:
    with InstanceProcess(tmp_path, cache_endpoint=cache.endpoint) as process:
        Client(process).enter(add, url="file:///x.whl")
        assert "did not say where it installed it (FLAME_APP_SITE is not set)" in (
            process.log.read_text()
        )
