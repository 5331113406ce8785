"""What user code may do because it runs in the main thread of a process that can be forked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import RunnerRequest, RunnerServiceKind
from tests.support import main_thread_tasks as tasks
from tests.support.cache_server import CacheServer
from tests.support.instance import InstanceProcess
from tests.support.runpy_client import Client
from tests.support.wait import wait_for

SERVICES = str(Path(__file__).with_name("services.py"))
SDK = str(Path(flamepy.__file__).parents[1])
#: Python 3.12 warns at every fork of a process with threads.
WARNINGS = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}


@pytest.fixture
def client(cache: CacheServer, tmp_path: Path) -> Iterator[Client]:
    with InstanceProcess(tmp_path, cache_endpoint=cache.endpoint, env=WARNINGS) as process:
        yield Client(process)


def call(client: Client, function: Any, *args: Any) -> Any:
    client.enter(function, RunnerServiceKind.Stateless)
    value = client.call(RunnerRequest(args=args))
    client.process.leave()
    return value


def in_main(task: Any, *parts: Any) -> Any:
    """Return ``task`` as if it and its parts were defined in the client's main program."""
    for part in (task, *parts):
        part.__module__ = "__main__"
    return task


def test_every_method_runs_in_the_main_thread(tmp_path: Path) -> None:
    with InstanceProcess(tmp_path, arguments=(SERVICES, "threads")) as process:
        process.enter(None)
        process.invoke("1", None)
        assert process.leave().message == "RuntimeError: MainThread MainThread MainThread"


@pytest.mark.parametrize("task", [tasks.handle_a_signal, tasks.get_an_event_loop])
def test_a_task_may_do_what_only_a_main_thread_may(client: Client, task: Any) -> None:
    assert call(client, task) == "ok"


def test_an_awaited_task_leaves_the_event_loop_of_the_next_one(client: Client) -> None:
    assert call(client, tasks.await_something) == "ok"
    assert call(client, tasks.get_an_event_loop) == "ok"


def test_forked_children_end_with_their_own_exit_codes(client: Client) -> None:
    client.enter(tasks.fork_and_run, RunnerServiceKind.Stateless)
    # With gRPC's fork handlers about one in five ended with -11.
    for _ in range(20):
        assert client.call(RunnerRequest(args=(2,))) == [5, 0] * 2


@pytest.mark.parametrize("task", [tasks.pool, tasks.executor])
def test_pools_of_processes_work_again_and_again(client: Client, task: Any) -> None:
    client.enter(task, RunnerServiceKind.Stateless)
    for _ in range(10):
        assert client.call(RunnerRequest(args=(4,))) == [0, 1, 2, 3]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_are_sent_what_the_client_defined(client: Client, method: str) -> None:
    task = in_main(tasks.pool_of_own_functions, tasks.double, tasks.Pair)
    assert call(client, task, method) == [(0, 0), (1, 2), (2, 4)]


@pytest.mark.parametrize(
    ("how", "code"), [("exit", 7), ("text", 1), ("return", 0), ("raise", 1), ("async", 7)]
)
def test_a_child_that_comes_back_from_the_task_ends(client: Client, how: str, code: int) -> None:
    task = tasks.exit_in_child_later if how == "async" else tasks.come_back_in_child
    assert call(client, task, how) == code
    assert call(client, tasks.handle_a_signal) == "ok", "and the service goes on"


def test_flamepy_in_a_forked_child_is_refused_instead_of_hanging(client: Client) -> None:
    said = call(client, tasks.use_flamepy_in_child, "fork")
    assert f"was forked from process {client.process.process.pid}, which uses flamepy" in said
    assert 'multiprocessing.get_context("spawn")' in said
    assert call(client, tasks.use_flamepy_in_child, "spawn") == "put 2"
    assert call(client, tasks.use_connection_in_child) == 3


def test_sigterm_of_a_child_is_not_that_of_the_service(client: Client) -> None:
    client.enter(tasks.terminate_children, RunnerServiceKind.Stateless)
    for _ in range(5):
        assert client.call(RunnerRequest(args=(20,))) == [-15] * 20
    assert client.process.process.poll() is None
    assert client.process.terminate() == 0


def test_an_alarm_that_a_task_leaves_does_not_end_the_service(client: Client) -> None:
    client.enter(tasks.leave_an_alarm, RunnerServiceKind.Stateless)
    assert client.call(RunnerRequest()) == "ok"
    log = client.process.log
    wait_for(lambda: "outside of the call" in log.read_text(), "the alarm")
    assert client.call(RunnerRequest()) == "ok"


def test_sigterm_ends_it_after_a_task_had_the_signals_for_itself(client: Client) -> None:
    assert call(client, tasks.have_the_signals) == "ok"
    assert client.process.terminate() == 0


@pytest.mark.parametrize(
    ("task", "said"),
    [(tasks.compute_without_python, "computing"), (tasks.sleep_on_a_lock, "locked")],
)
def test_sigterm_ends_it_wherever_the_main_thread_is(client: Client, task: Any, said: str) -> None:
    client.enter(task, RunnerServiceKind.Stateless)
    stream = client.process.stream()
    stream.send(("1", client.data(RunnerRequest())))
    log = client.process.log
    wait_for(lambda: said in log.read_text(), "the task to run")
    assert client.process.terminate() == 0
    assert stream.batch() is None


def test_sigterm_ends_it_while_a_task_writes_where_nobody_reads(tmp_path: Path) -> None:
    read, write = os.pipe()
    try:
        with InstanceProcess(tmp_path, arguments=(SERVICES, "writes"), output=write) as process:
            process.enter(None)
            process.stream().send(("1", None))
            wait_for((tmp_path / "writing").exists, "the task to write")
            assert process.terminate() == 0
            assert process.stream().batch() is None
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "None"),
        ({"FLAME_INSTANCE_ENDPOINT": "/s"}, "0"),
        ({"FLAME_INSTANCE_ENDPOINT": "/s", "GRPC_ENABLE_FORK_SUPPORT": "1"}, "1"),
    ],
    ids=["client", "service", "chosen"],
)
def test_fork_handlers_of_grpc_are_off_in_services_alone(
    env: dict[str, str], expected: str
) -> None:
    code = (
        "import sys, os, flamepy._process.forks as f; "
        "assert 'grpc' not in sys.modules; "
        "print(os.environ.get('GRPC_ENABLE_FORK_SUPPORT'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": SDK, **env}, capture_output=True, text=True
    )
    assert done.stdout.strip() == expected, done.stderr
