"""flamepy.service: one function as a service, and sessions that call it with objects."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import FlameError, ObjectRef, RemoteTaskError, ResourceRequirement, SessionContext
from flamepy.core import ApplicationContext, TaskContext
from flamepy.proto import types_pb2
from flamepy.service import FlameInstance, Session
from flamepy.service import _debug as debug
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster
from tests.support.instance import InstanceProcess
from tests.support.wait import wait_for

SERVICES = str(Path(__file__).with_name("services.py"))


def answering(function: Callable[..., Any]) -> FlameInstance:
    instance = FlameInstance()
    assert instance.entrypoint(function) is function
    return instance


def enter(instance: FlameInstance, data: bytes | None) -> None:
    instance.on_session_enter(SessionContext(data, "ssn", ApplicationContext("app")))


def call(instance: FlameInstance, data: bytes | None) -> bytes | None:
    return instance.on_task_invoke(TaskContext("1", "ssn", data))


@pytest.fixture
def app(cluster: FakeCluster, cache: CacheServer) -> FakeCluster:
    """An application whose instance runs in this process."""
    cluster.application("app")
    instance = answering(lambda request: instance.context() if request == "context" else request)

    def execute(session: types_pb2.Session, task: types_pb2.Task) -> types_pb2.TaskResult:
        has_data = session.spec.HasField("common_data")
        enter(instance, session.spec.common_data if has_data else None)
        if cloudpickle.loads(task.spec.input) == "fail":
            return types_pb2.TaskResult(return_code=-1, message="as told")
        return types_pb2.TaskResult(return_code=0, output=call(instance, task.spec.input))

    cluster.execute = execute
    return cluster


def test_objects_go_to_the_service_and_back(app: FakeCluster) -> None:
    with Session("app", {"shared": 1}) as session:
        assert session.invoke({"n": [1, 2]}) == {"n": [1, 2]}
        assert session.invoke(None) is None
        assert session.invoke("context") == session.context() == {"shared": 1}
        session_id = session.id()
        assert session_id is not None
        with pytest.raises(RemoteTaskError, match="as told"):
            session.invoke("fail")
    assert app.sessions[session_id].status.state == types_pb2.Closed
    assert (session.id(), session.context()) == (None, None)
    session.close()
    with pytest.raises(RuntimeError, match="not initialized"):
        session.invoke(1)


def test_a_session_without_a_context_has_none(app: FakeCluster, cache: CacheServer) -> None:
    with Session(name="app", resreq={"cpu": 2, "mem": "1g", "gpu": 1}) as session:
        assert session.context() is None
        assert session.invoke("context") is None
        need = app.sessions[session.id() or ""].spec.resreq
    assert (need.cpu, need.memory, need.gpu) == (2, 1 << 30, 1)
    assert cache.puts == 0


def test_a_session_that_exists_is_opened(app: FakeCluster) -> None:
    with Session("app", "shared") as first:
        again = Session(session_id=first.id())
        assert (again.id(), again.context(), repr(again)) == (
            first.id(),
            "shared",
            f"Session(name='app', id={first.id()!r})",
        )


def test_contradictions_are_refused(app: FakeCluster, cache: CacheServer) -> None:
    with pytest.raises(ValueError, match="Either 'name' or 'session_id' must be provided"):
        Session()
    with pytest.raises(ValueError, match="Cannot provide both 'name' and 'session_id'"):
        Session("app", session_id="s")
    with pytest.raises(ValueError, match=r"unknown \['cpus'\]"):
        Session("app", resreq={"cpus": 1})
    with pytest.raises(TypeError, match=r"cannot send the context of the session: .*lock"):
        Session("app", {"part": threading.Lock()})
    with pytest.raises(FlameError, match="nobody"):
        Session("nobody", "context", resreq=ResourceRequirement(1))
    assert cache.objects == {}  # What was put for a session that was refused is gone.


def test_a_function_of_no_parameter_or_a_coroutine_will_do() -> None:
    assert cloudpickle.loads(call(answering(lambda: 7), b"not looked at") or b"") == 7

    async def later(n: int) -> int:
        return n + 1

    assert cloudpickle.loads(call(answering(later), cloudpickle.dumps(1)) or b"") == 2
    seen: list[Any] = []

    def see(request: Any) -> None:
        seen.append(request)

    assert call(answering(see), None) is None
    assert seen == [None]
    assert call(FlameInstance(), b"") is None


def test_functions_of_other_parameters_are_refused() -> None:
    with pytest.raises(AssertionError, match="exactly zero or one parameter, two has a, b"):
        answering(two)
    with pytest.raises(AssertionError, match="must be positional or keyword"):
        answering(lambda *requests: None)


def two(a: int, b: int) -> None:
    pass


def test_the_context_can_be_replaced(cache: CacheServer) -> None:
    instance = answering(lambda: None)
    enter(instance, None)
    instance.update_context("nobody hears")
    assert instance.context() is None
    ref = flamepy.put_object("app/ssn", cloudpickle.dumps("first"))
    enter(instance, ref.encode())
    assert instance.context() == "first"
    instance.update_context({"second": 2})
    assert instance.context() == {"second": 2}
    assert cloudpickle.loads(ObjectRef(ref.endpoint, ref.key).get()) == {"second": 2}
    instance.on_session_leave()
    assert instance.context() is None


def test_an_instance_serves_as_a_process(tmp_path: Path) -> None:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "upper")) as process:
        assert process.enter(None).return_code == 0
        result = process.invoke("1", cloudpickle.dumps("text"))
        assert cloudpickle.loads(result.output) == "TEXT"
        failed = process.invoke("2", cloudpickle.dumps(1))
        assert failed.return_code == -1
        assert failed.message.startswith("AttributeError")
        assert process.terminate() == 0


@pytest.fixture
def by_hand() -> Iterator[http.client.HTTPConnection]:
    """The debug service of a function ``half``."""

    def half(number: int) -> float | None:
        return number / 2 if number else None

    run = threading.Thread(target=debug.run_debug_service, args=(answering(half), 0))
    run.start()
    wait_for(lambda: debug.debug_service, "the debug service")
    connection = http.client.HTTPConnection("127.0.0.1", debug.debug_service.server_port)
    yield connection
    connection.close()
    debug.debug_service.shutdown()
    run.join()


@pytest.mark.parametrize(
    ("path", "value", "status", "answer"),
    [
        ("/half?task_id=7", 3, 200, cloudpickle.dumps(1.5)),
        ("/half", 0, 204, b""),
        ("/half", "text", 500, b"TypeError: unsupported operand"),
        ("/other", 3, 404, b"expected POST /half, got /other"),
    ],
)
def test_a_service_started_by_hand_answers_http(
    by_hand: http.client.HTTPConnection, path: str, value: Any, status: int, answer: bytes
) -> None:
    by_hand.request("POST", path, cloudpickle.dumps(value))
    reply = by_hand.getresponse()
    assert (reply.status, reply.read()[: len(answer)]) == (status, answer)


@pytest.mark.parametrize(
    ("header", "value"), [("Origin", "http://evil.example"), ("Host", "evil.example:5050")]
)
def test_a_service_started_by_hand_answers_no_page_of_a_browser(
    by_hand: http.client.HTTPConnection, header: str, value: str
) -> None:
    by_hand.request("POST", "/half", cloudpickle.dumps(3), {header: value})
    reply = by_hand.getresponse()
    assert reply.status == 403
    assert reply.read().startswith(b"expected a program of this machine")
