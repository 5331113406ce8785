"""The backend of joblib; what it computes is in ``programs/daily/sklearn_jobs.py``."""

import gc
from typing import Any

import pytest

from flamepy import FlameError
from flamepy.joblib import FlameBackend
from flamepy.proto import types_pb2
from tests.support.cluster import FakeCluster
from tests.support.wait import wait_for

SECONDS = 60


def succeed(_: Any, __: Any) -> types_pb2.TaskResult:
    return types_pb2.TaskResult(output=b"")


def open_sessions(cluster: FakeCluster) -> list[types_pb2.Session]:
    closed = types_pb2.SessionState.Value("Closed")
    return [each for each in cluster.sessions.values() if each.status.state != closed]


def test_the_number_of_jobs_is_what_is_asked_for_or_what_the_cluster_has(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = types_pb2.Node(status=types_pb2.NodeStatus(capacity={"cpu": 4}))
    monkeypatch.setattr("flamepy.joblib.list_nodes", lambda: [node, node])
    backend = FlameBackend()
    asked = (None, -1, -2, -20, 3)
    assert [backend.effective_n_jobs(n) for n in asked] == [8, 8, 7, 1, 3]
    with pytest.raises(ValueError, match="n_jobs == 0"):
        backend.configure(0)


def test_one_session_serves_all_calls_of_as_many_jobs(cluster: FakeCluster) -> None:
    cluster.execute = succeed
    backend = FlameBackend(priority=7)
    ended: list[Any] = []
    for _ in range(2):
        assert backend.configure(2) == 2
        backend.submit(list, ended.append)
        wait_for(lambda: ended, "the callback", SECONDS)
        ended.clear()
        backend.terminate()
    (session,) = open_sessions(cluster)
    assert (session.spec.max_instances, session.spec.priority) == (2, 7)
    backend.configure(3)
    gc.collect()
    wait_for(lambda: open_sessions(cluster) == [], "the first session's end", SECONDS)
    backend.submit(list)
    assert [each.spec.max_instances for each in open_sessions(cluster)] == [3]
    del backend
    gc.collect()
    wait_for(lambda: open_sessions(cluster) == [], "the last session's end", SECONDS)


def test_what_nobody_wants_any_more_is_cancelled(cluster: FakeCluster) -> None:
    backend = FlameBackend()
    backend.configure(1)
    future = backend.submit(list)
    assert future.task_id
    backend.abort_everything()
    wait_for(future.cancelled, "the cancel", SECONDS)


def test_an_application_that_is_not_there_is_told(cluster: FakeCluster) -> None:
    backend = FlameBackend(application="other")
    backend.configure(1)
    with pytest.raises(FlameError, match="application not found"):
        backend.submit(list)
