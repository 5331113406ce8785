import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Future, as_completed
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    TaskState,
)
from flamepy._results.result import encode_failure, encode_result
from flamepy.proto import types_pb2
from tests.support.cluster import FakeCluster
from tests.support.wait import wait_for

SECONDS = 20
SDK = str(Path(flamepy.__file__).parents[1])


def echo(_: types_pb2.Session, task: types_pb2.Task) -> types_pb2.TaskResult:
    """A service that answers with its input."""
    present = task.spec.HasField("input")
    return types_pb2.TaskResult(output=b"=" + task.spec.input if present else None)


def failing(session: types_pb2.Session, task: types_pb2.Task) -> types_pb2.TaskResult:
    """A service that fails as one of ours does."""
    try:
        raise ValueError("bad input")
    except ValueError as error:
        return types_pb2.TaskResult(
            return_code=-1, message="ValueError: bad input", output=encode_failure(error)
        )


def only_task(cluster: FakeCluster) -> types_pb2.Task:
    wait_for(lambda: cluster.tasks, "a task")
    return next(iter(cluster.tasks.values()))


def test_bytes_give_bytes(cluster: FakeCluster) -> None:
    cluster.execute = echo
    session = flamepy.create_session("flmrun")
    assert session.invoke(b"x") == b"=x"
    assert session.run(b"y").result(SECONDS) == b"=y"


def test_no_output_is_none(cluster: FakeCluster) -> None:
    cluster.execute = lambda *_: types_pb2.TaskResult()
    assert flamepy.create_session("flmrun").invoke(b"") is None


def test_a_request_gives_a_reference(cluster: FakeCluster) -> None:
    cluster.execute = lambda *_: types_pb2.TaskResult(output=encode_result({"a": 1}, "flmrun/s"))
    session = flamepy.create_session("flmrun", RunnerContext(sum), session_id="s")
    result = session.invoke(RunnerRequest())
    assert isinstance(result, flamepy.ObjectRef)
    assert result.get() == {"a": 1}
    assert flamepy.get_object(result) == {"a": 1}


def test_other_input_is_refused(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    with pytest.raises(FlameError, match="is a str: expected a RunnerRequest or bytes") as caught:
        session.invoke("text")  # type: ignore[call-overload]
    assert caught.value.code is FlameErrorCode.INVALID_ARGUMENT


def test_many_futures_resolve(cluster: FakeCluster) -> None:
    cluster.execute = echo
    session = flamepy.create_session("flmrun")
    futures = [session.run(str(number).encode()) for number in range(40)]
    assert all(isinstance(future, Future) for future in futures)
    results = {future.result() for future in as_completed(futures, SECONDS)}
    assert results == {b"=%d" % number for number in range(40)}


def test_every_future_of_a_session_is_watched_at_once(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    futures = [session.run(b"%d" % number) for number in range(40)]
    wait_for(lambda: cluster.watches >= 40, "a watch of each task")
    last = max(cluster.tasks.values(), key=lambda task: int(task.metadata.id))
    cluster.finish(last, types_pb2.TaskResult(output=b"last"))
    assert futures[-1].result(SECONDS) == b"last"
    assert not any(future.done() for future in futures[:-1])


def test_a_failure_carries_type_text_traceback_and_cause(cluster: FakeCluster) -> None:
    cluster.execute = failing
    session = flamepy.create_session("flmrun")
    for call in (session.invoke, lambda data: session.run(data).result(SECONDS)):
        with pytest.raises(RemoteTaskError) as caught:
            call(b"")
        error = caught.value
        assert error.message == "ValueError: bad input"
        assert error.remote_type == "ValueError"
        assert 'raise ValueError("bad input")' in error.remote_traceback
        assert isinstance(error.__cause__, ValueError)
        assert error.code is FlameErrorCode.INTERNAL
        assert error.session_id == session.id


def test_a_failure_of_a_service_of_others_carries_its_text(cluster: FakeCluster) -> None:
    cluster.execute = lambda *_: types_pb2.TaskResult(return_code=-1, message="boom", output=b"?")
    with pytest.raises(RemoteTaskError, match="boom") as caught:
        flamepy.create_session("flmrun").invoke(b"")
    assert caught.value.remote_traceback == ""
    assert caught.value.__cause__ is None


def test_a_watch_that_ends_early_asks_and_watches_again(cluster: FakeCluster) -> None:
    cluster.end_watches_early = 2
    session = flamepy.create_session("flmrun")
    future = session.run(b"x")
    wait_for(lambda: cluster.watches >= 3, "the third watch")
    cluster.finish(only_task(cluster), types_pb2.TaskResult(output=b"late"))
    assert future.result(SECONDS) == b"late"


def test_a_watch_that_ends_early_of_a_finished_task_gives_it(cluster: FakeCluster) -> None:
    cluster.execute = echo
    session = flamepy.create_session("flmrun")
    task = session.create_task(b"x")
    wait_for(lambda: session.get_task(task.id).is_completed(), "the end of the task")
    cluster.end_watches_early = 1
    assert [update.state for update in session.watch_task(task.id)] == [TaskState.SUCCEED]


def test_waiting_survives_a_restart_of_the_session_manager(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    futures = [session.run(b"%d" % number) for number in range(3)]
    wait_for(lambda: cluster.watches == 3, "the watches")
    cluster.stop()
    cluster.start()
    wait_for(lambda: cluster.watches == 6, "the watches to be opened again")
    for task in cluster.tasks.values():
        cluster.finish(task, types_pb2.TaskResult(output=b"=" + task.spec.input))
    assert [future.result(SECONDS) for future in futures] == [b"=0", b"=1", b"=2"]


def test_a_watch_yields_each_state_once(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    task = session.create_task(b"x")
    states: list[TaskState] = []

    def follow() -> None:
        states.extend(update.state for update in session.watch_task(task.id))

    thread = threading.Thread(target=follow)
    thread.start()
    wait_for(lambda: cluster.watches == 1, "the watch")
    wire = only_task(cluster)
    cluster.start_task(wire)
    wait_for(lambda: states == [TaskState.RUNNING], "the first state")
    cluster.stop()
    cluster.start()
    wait_for(lambda: cluster.watches >= 2, "the watch to be opened again")
    cluster.finish(wire, types_pb2.TaskResult())
    thread.join(SECONDS)
    assert states == [TaskState.RUNNING, TaskState.SUCCEED]


def test_a_watch_is_read_to_its_end(cluster: FakeCluster) -> None:
    # A server may cut off a client that resets thousands of streams.
    cluster.execute = echo
    cluster.end_seconds = 0.3
    with flamepy.create_session("flmrun") as session:
        for _ in range(3):
            assert session.invoke(b"x") == b"=x"
        wait_for(lambda: cluster.watches == 3, "three watches")
    assert cluster.resets == 0


def test_a_watch_that_its_server_does_not_end_is_given_up(cluster: FakeCluster) -> None:
    cluster.execute = echo
    cluster.end_seconds = 30.0
    with flamepy.create_session("flmrun") as session:
        assert session.invoke(b"x") == b"=x"
        wait_for(lambda: cluster.resets == 1, "the reset")


def test_a_watch_with_a_timeout_ends(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    task = session.create_task(b"x")
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not end within 0\.2 s"):
        list(session.watch_task(task.id, timeout=0.2))
    assert time.monotonic() - began < 5


def test_watching_an_unknown_task_is_an_error(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    with pytest.raises(FlameError, match="99 not found") as caught:
        next(session.watch_task("99"))
    assert caught.value.code is FlameErrorCode.NOT_FOUND


def test_a_timeout_quotes_the_last_trouble_of_the_session(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    cluster.event(session.id, 1001, "failed to bind session: no file:///none.whl")
    with pytest.raises(TimeoutError) as caught:
        session.invoke(b"x", timeout=0.2)
    text = str(caught.value)
    assert f"task 1 of session {session.id} did not end within 0.2 s" in text
    assert "it is PENDING" in text
    assert "'failed to bind session: no file:///none.whl' (1001)" in text


def test_a_timeout_quotes_the_reason_and_not_what_follows_from_it(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    cluster.event(session.id, 1001, "failed to bind session: no file:///none.whl")
    cluster.event(session.id, 1002, "bind retry limit reached (5/5)")
    with pytest.raises(TimeoutError, match=r"no file:///none.whl' \(1001\)"):
        session.invoke(b"x", timeout=0.1)
    cluster.event(session.id, 1004, "no executor for 10 s")
    with pytest.raises(TimeoutError, match=r"no executor for 10 s' \(1004\)"):
        session.invoke(b"x", timeout=0.1)


def test_a_timeout_quotes_the_limit_of_binds_when_nothing_else_is_known(
    cluster: FakeCluster,
) -> None:
    session = flamepy.create_session("flmrun")
    cluster.event(session.id, 1002, "bind retry limit reached (5/5)")
    with pytest.raises(TimeoutError, match=r"bind retry limit reached \(5/5\)' \(1002\)"):
        session.invoke(b"x", timeout=0.1)


def test_a_timeout_without_trouble_says_so(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    with pytest.raises(TimeoutError, match="the session reports no trouble"):
        session.invoke(b"x", timeout=0.1)


def test_new_troubles_are_logged_while_waiting(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flamepy._sessions.events._LOOK_SECONDS", 0.05)
    session = flamepy.create_session("flmrun")
    with caplog.at_level(logging.WARNING, "flamepy"):
        future = session.run(b"x")
        cluster.event(session.id, 1001, "failed to bind session: no package")
        wait_for(lambda: "no package (1001)" in caplog.text, "the warning")
        cluster.event(session.id, 1002, "limit reached")
        wait_for(lambda: "limit reached (1002)" in caplog.text, "the second warning")
        cluster.finish(only_task(cluster), types_pb2.TaskResult(output=b"done"))
        assert future.result(SECONDS) == b"done"
    assert caplog.text.count("no package") == 1


def test_pending_futures_are_cancelled_when_the_session_closes(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    future = session.run(b"x")
    session.close()
    with pytest.raises(CancelledError):
        future.result(SECONDS)
    assert wait_for(future.cancelled, "the future to be cancelled")


def test_a_cancelled_task_raises_for_who_waits(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")

    def close() -> None:
        wait_for(lambda: cluster.watches, "the watch")
        session.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(CancelledError, match="was closed before it ran"):
        session.invoke(b"x")
    closer.join()


def test_closing_waits_for_running_tasks(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    future = session.run(b"x")
    task = only_task(cluster)
    cluster.start_task(task)
    with pytest.raises(FlameError, match="running tasks"):
        session.close(wait=False)
    timer = threading.Timer(0.2, lambda: cluster.finish(task, types_pb2.TaskResult(output=b"done")))
    timer.start()
    session.close()
    assert future.result(SECONDS) == b"done"
    timer.join()


def test_leaving_the_block_closes_the_session(cluster: FakeCluster) -> None:
    with flamepy.create_session("flmrun") as session:
        pass
    assert cluster.sessions[session.id].status.state == types_pb2.Closed
    with pytest.raises(KeyError), flamepy.create_session("flmrun") as session:
        raise KeyError
    assert cluster.sessions[session.id].status.state == types_pb2.Closed


def test_a_closed_session_takes_no_tasks(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    session.close()
    with pytest.raises(FlameError, match="closed session"):
        session.invoke(b"x")


def test_a_future_that_is_cancelled_early_stays_cancelled(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    future = session.run(b"x")
    assert future.cancel()
    cluster.finish(only_task(cluster), types_pb2.TaskResult())
    with pytest.raises(CancelledError):
        future.result(SECONDS)


def test_tasks_are_listed_with_their_states(cluster: FakeCluster) -> None:
    cluster.execute = echo
    session = flamepy.create_session("flmrun")
    session.invoke(b"a")
    session.invoke(b"b")
    tasks: list[Any] = sorted(session.list_tasks(), key=lambda task: task.id)
    assert [task.input for task in tasks] == [b"a", b"b"]
    assert all(task.is_completed() and not task.is_failed() for task in tasks)
    assert session.get_task("1").output == b"=a"


def test_a_cluster_that_is_too_busy_is_asked_again_when_it_says_so(cluster: FakeCluster) -> None:
    cluster.execute = echo
    session = flamepy.create_session("flmrun")
    cluster.refusals = 3
    assert session.invoke(b"x") == b"=x"
    task = session.create_task(b"y")
    cluster.refusals = 3
    watched = cluster.watches
    assert [update.state.name for update in session.watch_task(task.id)] == ["SUCCEED"]
    assert cluster.watches == watched + 4


@pytest.mark.parametrize("delay", [None, "", "soon", "-5", "99999999999"])
def test_a_refusal_without_a_delay_that_makes_sense_is_an_error(
    cluster: FakeCluster, delay: str | None
) -> None:
    session = flamepy.create_session("flmrun")
    cluster.refusals, cluster.refusal_delay = 1, delay
    with pytest.raises(FlameError, match="too many"):
        session.create_task(b"x")


def test_a_refusal_with_a_delay_beyond_the_time_of_the_call_is_an_error(
    cluster: FakeCluster,
) -> None:
    session = flamepy.create_session("flmrun")
    cluster.refusals, cluster.refusal_delay = 1, "3600000"
    with pytest.raises(FlameError, match="too many"):
        session.create_task(b"x")


def test_closing_the_connection_ends_the_waits_with_an_error(cluster: FakeCluster) -> None:
    with flamepy.connect(cluster.endpoint) as connection:
        session = connection.create_session(flamepy.SessionAttributes("flmrun"))
        future = session.run(b"x")
        wait_for(lambda: cluster.watches, "the watch")
    with pytest.raises(FlameError, match="the connection is closed"):
        future.result(SECONDS)


def test_a_program_ends_without_waiting_for_its_futures(cluster: FakeCluster) -> None:
    program = "import flamepy; s = flamepy.create_session('flmrun'); s.run(b'x'); print('end')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": SDK, "FLAME_ENDPOINT": cluster.endpoint},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
