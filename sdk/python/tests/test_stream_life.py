"""How streams of tasks begin, rest and end, against a server that answers as a test says."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, SessionAttributes
from tests.support.cluster import FakeCluster
from tests.support.streams import FakeStreams, opened
from tests.support.wait import wait_for

SECONDS = 30


def test_closing_the_connection_ends_what_is_under_way(
    cluster: FakeCluster, streams: FakeStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flamepy._streams.client_stream.LEAVE_SECONDS", 0.2)
    with flamepy.connect(cluster.endpoint) as connection:
        session = connection.create_session(SessionAttributes("flmrun"))
        stream = opened(streams, session)
        future = session.run(b"x")
        wait_for(lambda: len(stream.inputs) == 2, "the input")
    with pytest.raises(FlameError, match="the connection is closed"):
        future.result(SECONDS)
    with pytest.raises(FlameError, match="the connection is closed"):
        session.run(b"y").result(SECONDS)
    wait_for(lambda: _threads() == 0, "the end of the reader")


def test_a_stream_without_work_ends_and_comes_back(
    streams: FakeStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flamepy._streams.client_stream._IDLE_SECONDS", 0.1)
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    assert stream.ended.wait(SECONDS)
    wait_for(lambda: _threads() == 0, "the end of the reader")
    future = session.run(b"y")
    again = streams.number(2)
    wait_for(lambda: again.inputs, "the input")
    assert again.inputs == [(1, 2, b"y")]
    again.acknowledge(2)
    again.succeed(2)
    assert future.result(SECONDS) == b"=2"


def test_a_callback_may_wait_for_another_task(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    got: list[Any] = []
    future = session.run(b"x")
    future.add_done_callback(lambda _: got.append(session.invoke(b"y")))
    wait_for(lambda: len(stream.inputs) == 2, "the input")
    stream.acknowledge(2)
    stream.succeed(2)
    wait_for(lambda: len(stream.inputs) == 3, "the input of the callback")
    stream.acknowledge(3)
    stream.succeed(3)
    wait_for(lambda: got == [b"=3"], "the callback")


def test_an_invoke_that_takes_too_long_tells_what_is_known(
    cluster: FakeCluster, streams: FakeStreams
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    with pytest.raises(TimeoutError, match="not acknowledged by the session manager"):
        session.invoke(b"x", timeout=0.1)
    cluster.event(session.id, 1001, "failed to bind session: no file:///none.whl")
    task = session.create_task(b"")
    wait_for(lambda: len(stream.inputs) == 2, "the input")
    stream.acknowledge(2)

    def acknowledge() -> None:
        wait_for(lambda: len(stream.inputs) == 3, "the second input")
        stream.acknowledge(3, first_task=int(task.id))

    helper = threading.Thread(target=acknowledge)
    helper.start()
    with pytest.raises(TimeoutError) as caught:
        session.invoke(b"y", timeout=2)
    helper.join(SECONDS)
    assert f"task {task.id} of session {session.id} did not end within 2 s" in str(caught.value)
    assert "it is PENDING" in str(caught.value)
    assert "no file:///none.whl' (1001)" in str(caught.value)


def _threads() -> int:
    return sum(thread.name == "flamepy-tasks" for thread in threading.enumerate())
