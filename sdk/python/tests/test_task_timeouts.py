"""Deadlines of tasks: by streams and by calls, against a real session manager and node."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, RemoteTaskError, SessionAttributes
from tests.support.cluster import FakeCluster
from tests.support.real_cluster import RealCluster

SECONDS = 60.0
LATE = "the task did not end within 0.5 s of its submit, which is the timeout that it was"


def work(milliseconds: int = 0) -> bytes:
    return json.dumps({"duration": milliseconds}).encode()


@pytest.fixture(params=["streams", "calls"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "calls":
        monkeypatch.setenv("FLAME_TASK_STREAMS", "off")
    return str(request.param)


def test_a_deadline_ends_what_runs_and_what_waits(real: RealCluster, way: str) -> None:
    with flamepy.connect(real.endpoint) as connection:
        session = connection.create_session(SessionAttributes("flmping", max_instances=1))
        running = session.run(work(600_000), task_timeout=0.5)
        waiting = session.run(work(600_000), task_timeout=0.5)
        for future in running, waiting:
            with pytest.raises(RemoteTaskError, match=LATE):
                future.result(SECONDS)
        assert [event.code for event in session.get_task(waiting.task_id).events][-2:] == [1102, 3]
        # The service that it ran in has ended: another one takes the next task.
        assert session.invoke(work(), SECONDS) is not None
        with pytest.raises(RemoteTaskError, match=LATE):
            session.invoke(work(600_000), SECONDS, task_timeout=0.5)
        created = session.create_task(work(600_000), task_timeout=0.5)
        ended = list(session.watch_task(created.id, SECONDS))[-1]
        assert ended.is_failed()
        session.close()


def test_an_executor_gives_each_call_its_time(real: RealCluster) -> None:
    with flamepy.Executor(task_timeout=30.0) as executor:
        assert executor.submit(max, 1, 2).result(SECONDS) == 2
    with flamepy.Executor(task_timeout=0.5) as executor:
        with pytest.raises(RemoteTaskError, match=LATE):
            executor.submit(time.sleep, 600).result(SECONDS)


@pytest.mark.parametrize(
    "bad", [0, -1, float("nan"), float("inf"), 31_536_001, time.time(), "5", True]
)
def test_a_time_that_can_not_be_is_refused_before_anything_is_sent(
    real: RealCluster, bad: Any
) -> None:
    with flamepy.create_session("flmping") as session:
        for call in session.run, session.invoke, session.create_task:
            with pytest.raises(
                ValueError, match=r"task_timeout is .*: expected seconds, more than 0"
            ):
                call(work(), task_timeout=bad)
        assert list(session.list_tasks()) == []
    with pytest.raises(ValueError, match="task_timeout is"):
        flamepy.Executor(task_timeout=bad)


def test_a_session_manager_that_knows_no_deadlines_is_told(cluster: FakeCluster) -> None:
    with flamepy.create_session("flmrun") as session:
        with pytest.raises(FlameError, match=r"task 1 .* was created without a deadline"):
            session.create_task(b"x", task_timeout=5)
        with pytest.raises(FlameError, match=r"task 2 .* was created without a deadline"):
            session.run(b"x", task_timeout=5)
        assert session.create_task(b"x").id == "3"
