import threading
from concurrent.futures import CancelledError, as_completed

import pytest

import flamepy
from flamepy import FlameError
from flamepy.proto import types_pb2
from tests.support.cluster import FakeCluster
from tests.support.wait import wait_for

SECONDS = 20


def only_task(cluster: FakeCluster) -> types_pb2.Task:
    wait_for(lambda: cluster.tasks, "a task")
    return next(iter(cluster.tasks.values()))


def test_ctrl_c_in_the_block_does_not_wait_for_running_tasks(cluster: FakeCluster) -> None:
    with pytest.raises(KeyboardInterrupt), flamepy.create_session("flmrun") as session:
        session.run(b"x")
        cluster.start_task(only_task(cluster))
        raise KeyboardInterrupt
    assert only_task(cluster).status.state == types_pb2.Failed
    assert cluster.sessions[session.id].status.state == types_pb2.Closed


def test_an_exception_in_the_block_cancels_what_it_started_and_comes_out_at_once(
    cluster: FakeCluster,
) -> None:
    futures = []
    with pytest.raises(KeyError, match="mine"), flamepy.create_session("flmrun") as session:
        futures = [session.run(b"1"), session.run(b"2")]
        cluster.start_task(cluster.tasks[session.id, "1"])
        assert wait_for(futures[0].running, "the first to run")
        raise KeyError("mine")
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(SECONDS)
    assert cluster.sessions[session.id].status.state == types_pb2.Closed


def test_an_exception_in_a_block_of_a_shared_session_leaves_the_tasks_of_others(
    cluster: FakeCluster,
) -> None:
    other = flamepy.create_session("flmrun", session_id="shared")
    other.create_task(b"1")
    cluster.start_task(only_task(cluster))
    with pytest.raises(KeyError), flamepy.open_session("shared") as session:
        session.create_task(b"2")
        raise KeyError
    states = [task.status.state for task in cluster.tasks.values()]
    assert states == [types_pb2.Running, types_pb2.Cancelled]
    assert cluster.sessions["shared"].status.state == types_pb2.Open


def test_an_exception_in_the_block_is_not_hidden_where_nothing_can_be_cancelled(
    cluster: FakeCluster,
) -> None:
    cluster.can_cancel = False
    with pytest.raises(KeyError, match="mine"), flamepy.create_session("flmrun") as session:
        session.create_task(b"x")
        cluster.start_task(only_task(cluster))
        raise KeyError("mine")
    assert cluster.sessions[session.id].status.state == types_pb2.Open


@pytest.mark.parametrize("can_cancel", [True, False])
def test_closing_cancels_what_is_pending_before_it_waits(
    cluster: FakeCluster, can_cancel: bool
) -> None:
    cluster.can_cancel = can_cancel
    session = flamepy.create_session("flmrun")
    running, pending = session.run(b"1"), session.run(b"2")
    cluster.start_task(cluster.tasks[session.id, "1"])
    closer = threading.Thread(target=session.close)
    closer.start()
    if can_cancel:  # While the other one runs still.
        with pytest.raises(CancelledError):
            pending.result(SECONDS)
        with pytest.raises(FlameError, match="takes no tasks"):
            session.create_task(b"3")
    assert not running.done()
    cluster.finish(cluster.tasks[session.id, "1"], types_pb2.TaskResult(output=b"done"))
    closer.join(SECONDS)
    assert running.result(SECONDS) == b"done"
    with pytest.raises(CancelledError):
        pending.result(SECONDS)
    assert cluster.sessions[session.id].status.state == types_pb2.Closed


def test_closing_without_waiting_leaves_a_session_with_running_tasks_as_it_is(
    cluster: FakeCluster,
) -> None:
    session = flamepy.create_session("flmrun")
    session.create_task(b"1")
    session.create_task(b"2")
    cluster.start_task(cluster.tasks[session.id, "1"])
    with pytest.raises(FlameError, match="running tasks"):
        session.close(wait=False)
    assert cluster.tasks[session.id, "2"].status.state == types_pb2.Pending
    session.create_task(b"3")


def test_cancel_of_a_future_is_false_for_a_task_that_runs(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun")
    future = session.run(b"1")
    # Before the client has heard of it as well.
    cluster.tasks[session.id, "1"].status.state = types_pb2.Running
    assert not future.cancel()
    cluster.start_task(only_task(cluster))
    assert wait_for(future.running, "the future to run")
    assert not future.cancel()
    cluster.finish(only_task(cluster), types_pb2.TaskResult(output=b"done"))
    assert future.result(SECONDS) == b"done"
    assert not future.cancel()


def test_cancel_of_a_future_cancels_a_pending_task_and_wakes_who_waits(
    cluster: FakeCluster,
) -> None:
    session = flamepy.create_session("flmrun")
    future = session.run(b"1")
    assert future.cancel()
    assert future.cancel()
    assert only_task(cluster).status.state == types_pb2.Cancelled
    assert list(as_completed([future], SECONDS)) == [future]
    assert future.cancelled()


def test_cancel_ends_running_tasks_and_who_waits_gets_a_cancelled_error(
    cluster: FakeCluster,
) -> None:
    session = flamepy.create_session("flmrun")
    futures = [session.run(b"1"), session.run(b"2"), session.run(b"3")]
    cluster.start_task(cluster.tasks[session.id, "1"])
    assert wait_for(futures[0].running, "the first to run")
    assert session.cancel(futures[0]) == 1
    assert session.cancel("1") == 0
    with pytest.raises(CancelledError, match="cancelled by me"):
        futures[0].result(SECONDS)
    assert session.cancel(session.get_task("2")) == 1
    assert session.cancel() == 1
    for future in futures[1:]:
        with pytest.raises(CancelledError):
            future.result(SECONDS)
        assert future.cancelled()


def test_cancel_says_so_where_nothing_can_be_cancelled(cluster: FakeCluster) -> None:
    cluster.can_cancel = False
    session = flamepy.create_session("flmrun")
    with pytest.raises(FlameError, match="cannot cancel tasks"):
        session.cancel()
