import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, FlameService
from flamepy._values.envelope import unseal
from flamepy.proto import service_pb2, shim_pb2, types_pb2
from tests.support.instance import InstanceProcess
from tests.support.wait import wait_for

SERVICES = str(Path(__file__).with_name("services.py"))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[InstanceProcess]:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "recorder")) as process:
        yield process


@pytest.fixture(params=["on its stream", "by calls"])
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[InstanceProcess]:
    calls = request.param == "by calls"
    with InstanceProcess(tmp_path, arguments=(SERVICES, "recorder"), calls=calls) as process:
        yield process


@pytest.fixture
def called(tmp_path: Path) -> Iterator[InstanceProcess]:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "recorder"), calls=True) as process:
        yield process


def test_a_service_is_told_what_was_registered(either: InstanceProcess) -> None:
    application = shim_pb2.ApplicationContext(
        name="app",
        shim=types_pb2.Host,
        image="i",
        command="c",
        working_directory="/w",
        url="file:///opt/x.whl",
        installer="python",
    )
    context = shim_pb2.SessionContext(session_id="s", application=application, common_data=b"")
    assert either.enter_with(context).return_code == 0
    left = either.leave()
    assert left.return_code == -1
    assert json.loads(left.message.removeprefix("RuntimeError: ")) == {
        "name": "app",
        "image": "i",
        "command": "c",
        "working_directory": "/w",
        "url": "file:///opt/x.whl",
        "shim": 0,
        "installer": "python",
        "common_data": "b''",
    }


def test_what_is_absent_is_none(either: InstanceProcess) -> None:
    either.enter(None)
    told = json.loads(either.leave().message.removeprefix("RuntimeError: "))
    assert told["common_data"] == "None"
    absent = ("url", "installer", "image", "command", "working_directory")
    assert [told[name] for name in absent] == [None] * 5


def test_output_none_and_empty_input_are_told_apart(either: InstanceProcess) -> None:
    either.enter(None)
    assert json.loads(either.invoke("1", None).output) == {"task": "1", "input": True}
    assert json.loads(either.invoke("2", b"").output) == {"task": "2", "input": False}
    nothing = either.invoke("3", b"none")
    assert (nothing.return_code, nothing.HasField("output")) == (0, False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"fail", "ValueError: as told"),
        (b"exit", "SystemExit: 3"),
        (b"surrogate", "ValueError: bad file name \\udcff"),
        (b"wrong", "TypeError: on_task_invoke returned a str: expected bytes or None"),
    ],
)
def test_an_exception_fails_the_task_and_not_the_service(
    either: InstanceProcess, data: bytes, message: str
) -> None:
    either.enter(None)
    result = either.invoke("1", data)
    assert (result.return_code, result.message) == (-1, message)
    assert unseal(result.output).text("type") == message.partition(":")[0]
    assert either.invoke("2", b"").return_code == 0


def test_a_large_input_passes(either: InstanceProcess) -> None:
    either.enter(None)
    assert either.invoke("1", bytes(8 * 1024 * 1024)).return_code == 0


def test_a_stream_answers_each_task_in_its_order(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    assert (stream.hello.ahead, len(stream.hello.answers)) == (0, 0)
    stream.send(("1", b""), ("2", b"fail"), ("3", b"none"))
    answers = [stream.answer() for _ in range(3)]
    assert [answer.task_id for answer in answers] == ["1", "2", "3"]
    assert json.loads(answers[0].result.output) == {"task": "1", "input": False}
    failed = answers[1].result
    assert (failed.return_code, failed.message) == (-1, "ValueError: as told")
    assert unseal(failed.output).text("type") == "ValueError"
    assert (answers[2].result.return_code, answers[2].result.HasField("output")) == (0, False)
    stream.send(recall=True)
    recalled = stream.batch()
    assert recalled is not None
    assert recalled.HasField("recalled")
    assert list(recalled.recalled.task_ids) == []
    assert not recalled.HasField("ahead")
    stream.send(("4", bytes(8 * 1024 * 1024)))
    assert stream.answer().result.return_code == 0
    stream.end()
    assert stream.batch() is None


def test_a_stream_takes_its_messages_in_any_pieces(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    batch = service_pb2.TaskBatch(
        tasks=[shim_pb2.TaskContext(task_id=str(number), session_id="s") for number in range(3)]
    ).SerializeToString()
    for byte in 2 * (len(batch).to_bytes(4, "big") + batch):
        stream.tasks.sendall(bytes([byte]))
    assert [stream.answer().task_id for _ in range(6)] == ["0", "1", "2"] * 2


def test_a_service_whose_stream_is_over_ends(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    assert recorder.invoke("1", b"").return_code == 0
    recorder.stream().close()
    assert recorder.process.wait(20) == 0


@pytest.mark.parametrize("said", [b"\xff" * 64, b"\x00\x00\x00\x04\xff\xff\xff\xff"])
def test_a_stream_that_cannot_be_understood_ends(recorder: InstanceProcess, said: bytes) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    stream.tasks.sendall(said)
    assert stream.batch() is None


@pytest.mark.parametrize("endpoint", ["", "nobody"])
def test_a_service_whose_executor_manager_does_not_listen_is_called(
    tmp_path: Path, endpoint: str
) -> None:
    env = {"FLAME_TASKS_ENDPOINT": endpoint and str(tmp_path / endpoint)}
    with InstanceProcess(
        tmp_path, arguments=(SERVICES, "recorder"), env=env, calls=True
    ) as process:
        assert process.enter(None).return_code == 0
        assert process.invoke("1", b"").return_code == 0


def test_a_service_on_its_stream_does_without_grpc(tmp_path: Path) -> None:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "modules")) as process:
        process.enter(None)
        loaded = process.invoke("1", b"").output.decode().split()
    assert "google" in loaded
    assert {"grpc", "asyncio", "ssl", "pyarrow"}.isdisjoint(loaded)


def test_a_result_is_there_when_the_next_task_ends_the_process(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    tasks = [(str(number), b"") for number in range(49)]
    stream.send(*tasks, ("49", b"kill"), *((str(number), b"") for number in range(50, 100)))
    assert [stream.answer().task_id for _ in range(49)] == [task_id for task_id, _ in tasks]
    assert stream.batch() is None
    assert recorder.process.wait(20) == -signal.SIGKILL


def test_a_stream_runs_in_the_thread_that_runs_the_calls(tmp_path: Path) -> None:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "threads")) as process:
        process.enter(None)
        process.invoke("1", b"")
        assert process.leave().message == "RuntimeError: " + " ".join(["MainThread"] * 3)


def test_sigterm_ends_it_while_a_stream_is_idle(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    stream.send(("1", b""))
    stream.answer()
    assert recorder.terminate() == 0
    assert stream.batch() is None


def test_sigterm_ends_it_while_a_streamed_task_runs(recorder: InstanceProcess) -> None:
    recorder.enter(None)
    stream = recorder.stream()
    stream.send(("1", b"sleep"))
    wait_for(lambda: "sleeping" in recorder.log.read_text(), "the task to run")
    assert recorder.terminate() == 0
    assert stream.batch() is None


def test_sigterm_ends_it_cleanly(either: InstanceProcess) -> None:
    either.enter(None)
    assert either.terminate() == 0


def test_sigterm_ends_it_while_the_main_thread_holds_a_lock(tmp_path: Path) -> None:
    # A launcher such as `uv run` hands on the signal that the group has had already: the second
    # one may come at any point.
    env = {"PYTHONPATH": str(Path(flamepy.__file__).parents[1])}
    env["FLAME_INSTANCE_ENDPOINT"] = str(tmp_path / "i.sock")
    done = subprocess.run([sys.executable, SERVICES, "signalled"], env=env, timeout=20)
    assert done.returncode == 0


def test_sigterm_ends_it_even_while_a_call_runs(called: InstanceProcess) -> None:
    called.enter(None)
    context = shim_pb2.TaskContext(task_id="1", session_id="s", input=b"sleep")
    call = called.stub.OnTaskInvoke.future(context)
    wait_for(lambda: "sleeping" in called.log.read_text(), "the task to run")
    assert called.terminate() == 0
    with pytest.raises(grpc.RpcError):
        call.result(20)


def test_a_service_that_nobody_started_says_so() -> None:
    with pytest.raises(FlameError, match="FLAME_INSTANCE_ENDPOINT is not set") as caught:
        flamepy.run(FlameService())
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
    done = subprocess.run(
        [sys.executable, "-m", "flamepy.runpy"],
        env={"PYTHONPATH": str(Path(flamepy.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("flamepy.runpy: FLAME_INSTANCE_ENDPOINT is not set")
    assert len(done.stderr.splitlines()) == 1


def test_a_socket_that_cannot_be_bound_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLAME_INSTANCE_ENDPOINT", str(tmp_path / "none" / "i.sock"))
    with pytest.raises(FlameError, match="cannot listen on the unix socket"):
        flamepy.core.FlameInstanceServer(FlameService()).start()
