"""flamepy.tools: scripts in sessions of flmexec."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from concurrent.futures import as_completed
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, FlameValueError, ResourceRequirement
from flamepy.proto import types_pb2
from flamepy.tools import Sandbox, SandboxAttr, SandboxOutput
from flamepy.tools import sandbox as sandbox_module
from tests.support.cluster import FakeCluster
from tests.support.real_cluster import RealCluster


@pytest.fixture
def scripts(cluster: FakeCluster) -> list[dict[str, Any]]:
    """A cluster whose flmexec answers with the script; the scripts that it got."""
    cluster.application("flmexec")
    got: list[dict[str, Any]] = []

    def execute(session: types_pb2.Session, task: types_pb2.Task) -> types_pb2.TaskResult:
        script = json.loads(task.spec.input)
        got.append(script)
        if script["code"] == "fail":
            return types_pb2.TaskResult(return_code=-1, message="as told")
        output = {"none": None, "bad": b"{}"}.get(
            script["code"], json.dumps({"data": list(script["code"].encode())}).encode()
        )
        return types_pb2.TaskResult(return_code=0, output=output)

    cluster.execute = execute
    return got


def test_scripts_run_where_they_are_sent(real: RealCluster) -> None:
    need = ResourceRequirement(cpu=1)
    with Sandbox.create(SandboxAttr("Python", max_instances=2, resreq=need)) as python:
        assert python.run_code("print(6 * 7)").text() == "42\n"
        echo = "import sys; print(sys.stdin.buffer.read())"
        assert python.run_code(echo, b"\xff").text() == "b'\\xff'\n"
        futures = [python.submit_code(f"print({number})") for number in range(3)]
        assert sorted(int(each.result().text()) for each in as_completed(futures)) == [0, 1, 2]
        # Somebody else opens it, and finds what it was created with.
        other = Sandbox.open(python.sandbox_id)
        assert other.attr == python.attr == SandboxAttr("python", None, 0, 2, need)
        assert other.run_code("print('other')").text() == "other\n"
        session_id = python.sandbox_id
    assert flamepy.get_session(session_id).state is flamepy.SessionState.CLOSED
    with Sandbox.create(SandboxAttr("shell")) as shell:
        assert shell.run_code('read word; printf "<$word>"; exit 3', b"in").text() == "<in>"
        assert shell.run_code("words=(a b); echo ${words[1]}").text() == "b\n"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with Sandbox.create(SandboxAttr("python", version)) as python:
        assert python.run_code("import flamepy; print(1)").text() == "1\n"
    with Sandbox.create(SandboxAttr("shell", "perl")) as perl:
        with pytest.raises(flamepy.RemoteTaskError, match='got "perl", expected one of bash, sh'):
            perl.run_code("print 1")


def test_what_is_sent_is_what_flmexec_takes(
    cluster: FakeCluster, scripts: list[dict[str, Any]]
) -> None:
    need = ResourceRequirement(1, 2, 0)
    with Sandbox.create(SandboxAttr(" SHELL ", "bash", 1, 3, need)) as sandbox:
        need.cpu = 9
        assert sandbox.attr.resreq == ResourceRequirement(1, 2, 0)
        assert sandbox.run_code("echo", b"in") == SandboxOutput(b"echo")
        spec = cluster.sessions[sandbox.sandbox_id].spec
        assert (spec.application, spec.min_instances, spec.max_instances) == ("flmexec", 1, 3)
        assert json.loads(spec.common_data) == {
            "language": "shell",
            "runtime": "bash",
            "min_instances": 1,
            "max_instances": 3,
            "resreq": {"cpu": 1, "memory": 2, "gpu": 0},
        }
    assert scripts == [
        {"language": "shell", "runtime": "bash", "code": "echo", "input": [105, 110]}
    ]
    with Sandbox.create(SandboxAttr("python")) as sandbox:
        assert sandbox.run_code("none") == SandboxOutput(b"")
        with pytest.raises(FlameError, match="not valid flmexec output"):
            sandbox.run_code("bad")
        future = sandbox.submit_code("fail")
        with pytest.raises(FlameError, match="as told"):
            future.result(20)
        assert (future.cancel(), future.running()) == (False, False)
    assert scripts[1] == {"language": "python", "code": "none", "input": None}


def test_a_script_that_has_not_begun_can_be_cancelled(cluster: FakeCluster) -> None:
    cluster.application("flmexec")  # Nothing runs its tasks.
    with Sandbox.create(SandboxAttr("python")) as sandbox:
        future = sandbox.submit_code("print(1)")
        assert future.cancel()
        assert future.cancelled()
        assert list(as_completed([future], 20)) == [future]


def any_type(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda _: Sandbox.create(any_type("python")), "must be a SandboxAttr, got a str"),
        (lambda _: Sandbox.create(SandboxAttr("js")), "'python' or 'shell', got 'js'"),
        (lambda _: Sandbox.create(SandboxAttr(any_type(1))), "'python' or 'shell', got 1"),
        (lambda _: Sandbox.create(SandboxAttr("python", any_type(3.12))), "runtime must be a text"),
        (lambda sandbox: sandbox.run_code(b"x"), "code must be a text, got a bytes"),
        (lambda sandbox: sandbox.submit_code("x", "y"), "input must be bytes or None, got a str"),
        (lambda _: Sandbox.open("other"), "of the application 'flmping', expected 'flmexec'"),
        (lambda _: Sandbox.open("raw"), "is not a Sandbox attr"),
        (lambda _: Sandbox.open("list"), "is not a Sandbox attr"),
        (lambda _: Sandbox.open("empty"), "is not a Sandbox attr"),
    ],
)
def test_bad_arguments_are_refused(
    cluster: FakeCluster,
    scripts: list[dict[str, Any]],
    call: Callable[[Any], object],
    text: str,
) -> None:
    cluster.application("flmping")
    flamepy.create_session("flmping", session_id="other")
    for name, data in (("raw", b"raw"), ("list", b"[]"), ("empty", None)):
        flamepy.create_session("flmexec", data, name)
    with Sandbox.create(SandboxAttr("python")) as sandbox:
        with pytest.raises(FlameValueError, match=text):
            call(sandbox)


def test_a_closed_sandbox_says_so(scripts: list[dict[str, Any]]) -> None:
    sandbox = Sandbox.create(SandboxAttr("python"))
    sandbox.close()
    sandbox.close()
    assert repr(sandbox) == "Sandbox(closed, python)"
    for call in (lambda: sandbox.run_code("x"), lambda: sandbox.sandbox_id):
        with pytest.raises(FlameError, match="sandbox is closed") as caught:
            call()
        assert caught.value.code is FlameErrorCode.INVALID_STATE


def test_the_names_are_those_of_the_published_tools() -> None:
    assert flamepy.tools.__all__ == ["Sandbox", "SandboxAttr", "SandboxOutput"]
    assert {each.__module__ for each in (Sandbox, SandboxAttr, SandboxOutput)} == {
        sandbox_module.__name__
    }
    attr = SandboxAttr("python")
    with pytest.raises(dataclasses.FrozenInstanceError):
        attr.language = "shell"  # type: ignore[misc]
