"""Tasks by a stream, against a server that answers as a test says."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import grpc
import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    RemoteTaskError,
    SessionAttributes,
)
from flamepy.core.types import FlameClientTls
from flamepy.proto import clients_pb2, types_pb2
from tests.support.cluster import FakeCluster
from tests.support.streams import FakeStreams, opened
from tests.support.wait import wait_for

SECONDS = 30


def test_a_single_input_leaves_at_once_and_one_lane_serves_a_session(
    cluster: FakeCluster, streams: FakeStreams
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    second = session.run(b"second")
    wait_for(lambda: len(stream.inputs) == 2, "the second input")
    assert stream.inputs == [(1, 1, b"first"), (1, 2, b"second")]
    assert [lane.session_id for lane in stream.lanes] == [session.id]
    assert stream.metadata["flame-client"] == cluster.metadata["flame-client"]
    assert stream.metadata["flame-request-id"]
    stream.acknowledge(2, first_task=70)
    assert second.task_id == "70"
    stream.succeed(2)
    assert second.result(SECONDS) == b"=2"
    assert cluster.watches == 0


def test_results_come_in_any_order_and_each_once(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    futures = [session.run(b"x") for _ in range(3)]
    wait_for(lambda: len(stream.inputs) == 4, "the inputs")
    stream.acknowledge(2, 3)
    stream.succeed(4, 3)
    stream.succeed(3)
    stream.succeed(2)
    assert [future.result(SECONDS) for future in futures] == [b"=2", b"=3", b"=4"]


def test_what_a_refusal_says_is_the_error_and_those_behind_it_go_on(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    refused, other = session.run(b"x"), session.run(b"y")
    wait_for(lambda: len(stream.inputs) == 3, "the inputs")
    stream.refuse(2, grpc.StatusCode.INVALID_ARGUMENT, "the session is closed")
    stream.acknowledge(3)
    stream.succeed(3)
    assert other.result(SECONDS) == b"=3"
    with pytest.raises(
        FlameError, match=r"failed to create a task.*the session is closed"
    ) as caught:
        refused.result(SECONDS)
    assert caught.value.code is FlameErrorCode.INVALID_ARGUMENT
    with pytest.raises(FlameError, match="the session is closed"):
        _ = refused.task_id


def test_what_is_refused_for_now_comes_again_under_a_new_number(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    future = session.run(b"again")
    for number in range(2, 5):
        wait_for(lambda number=number: len(stream.inputs) == number, "the input")  # type: ignore[misc]
        stream.refuse(number, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", 20)
    wait_for(lambda: len(stream.inputs) == 5, "the input, once more")
    assert stream.inputs[-1] == (1, 5, b"again")
    stream.acknowledge(5)
    stream.succeed(5)
    assert future.result(SECONDS) == b"=5"


def test_a_refusal_with_a_delay_beyond_the_time_of_a_call_is_an_error(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    future = session.run(b"x")
    wait_for(lambda: len(stream.inputs) == 2, "the input")
    stream.refuse(2, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", 3_600_000)
    with pytest.raises(FlameError, match="too many"):
        future.result(SECONDS)


def test_on_a_new_stream_what_was_not_acknowledged_is_sent_again_and_the_rest_followed(
    streams: FakeStreams,
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    futures = [session.run(b"%d" % number) for number in range(2, 6)]
    wait_for(lambda: len(stream.inputs) == 5, "the inputs")
    stream.acknowledge(2, 2)
    assert futures[1].task_id == "3"
    stream.fail(grpc.StatusCode.UNAVAILABLE, "going down")
    again = streams.number(2)
    wait_for(lambda: len(again.inputs) == 2 and again.follows, "what is missing")
    assert again.inputs == [(1, 4, b"4"), (1, 5, b"5")]
    assert again.follows == [(1, 2, 2)]
    assert [lane.producer for lane in again.lanes] == [stream.lanes[0].producer]
    again.acknowledge(4, 2)
    again.succeed(2, 3, 4, 5)
    assert [future.result(SECONDS) for future in futures] == [b"=2", b"=3", b"=4", b"=5"]


def test_a_lane_that_another_stream_had_is_opened_again(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    future = session.run(b"x")
    wait_for(lambda: len(stream.inputs) == 2, "the input")
    stream.end_lane(grpc.StatusCode.ABORTED, "another stream speaks for this producer")
    wait_for(lambda: len(stream.lanes) == 2 and len(stream.inputs) == 3, "the lane")
    assert stream.inputs[-1] == (stream.lanes[1].lane, 2, b"x")
    stream.acknowledge(2, lane=stream.lanes[1].lane)
    stream.succeed(2, lane=stream.lanes[1].lane)
    assert future.result(SECONDS) == b"=2"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.NOT_FOUND, "failed to create a task"),
        (grpc.StatusCode.INTERNAL, "was not acknowledged and may exist or not"),
    ],
)
def test_the_end_of_a_lane_says_what_is_no_task_and_what_was_lost(
    streams: FakeStreams, code: grpc.StatusCode, text: str
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    known, unknown = session.run(b"x"), session.run(b"y")
    wait_for(lambda: len(stream.inputs) == 3, "the inputs")
    stream.acknowledge(2)
    stream.end_lane(code, "no such session")
    with pytest.raises(FlameError, match=r"lost task 2 of session .*: no such session"):
        known.result(SECONDS)
    with pytest.raises(FlameError, match=rf"{text}.*: no such session"):
        unknown.result(SECONDS)


def test_a_stream_that_is_refused_for_good_is_an_error_for_all(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    future = session.run(b"x")
    wait_for(lambda: len(stream.inputs) == 2, "the input")
    stream.fail(grpc.StatusCode.UNAUTHENTICATED, "who are you")
    with pytest.raises(FlameError, match="may exist or not: who are you"):
        future.result(SECONDS)


def test_a_large_output_is_fetched_and_a_lost_one_said_to_be(
    cluster: FakeCluster, streams: FakeStreams
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    task = session.create_task(b"made by a call")
    cluster.finish(
        cluster.tasks[session.id, task.id], types_pb2.TaskResult(output=b"large" * 100_000)
    )
    large, lost = session.run(b"x"), session.run(b"y")
    wait_for(lambda: len(stream.inputs) == 3, "the inputs")
    stream.acknowledge(2, first_task=int(task.id))
    stream.acknowledge(3, first_task=50)
    stream.give(2, state=types_pb2.Succeed, elsewhere=True)
    stream.give(3, state=types_pb2.Succeed, lost="task 50 was forgotten")
    assert large.result(SECONDS) == b"large" * 100_000
    with pytest.raises(FlameError, match="task 50 was forgotten") as caught:
        lost.result(SECONDS)
    assert caught.value.code is FlameErrorCode.NOT_FOUND


def test_failed_and_cancelled_tasks_are_told_apart(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    failed, ended, cancelled = (session.run(b"x") for _ in range(3))
    wait_for(lambda: len(stream.inputs) == 4, "the inputs")
    stream.acknowledge(2, 3)
    reason = clients_pb2.ResultEvent(code=3, message="ValueError: bad", time=1.0)
    stream.give(2, state=types_pb2.Failed, events=[reason])
    who = clients_pb2.ResultEvent(code=1101, message="cancelled by me (from here)", time=1.0)
    why = clients_pb2.ResultEvent(code=3, message="cancelled by me", time=1.0)
    stream.give(3, state=types_pb2.Failed, events=[who, why])
    stream.give(4, state=types_pb2.Cancelled)
    with pytest.raises(RemoteTaskError, match="ValueError: bad") as caught:
        failed.result(SECONDS)
    assert (caught.value.task_id, caught.value.session_id) == ("2", session.id)
    with pytest.raises(CancelledError, match="cancelled by me"):
        ended.result(SECONDS)
    with pytest.raises(CancelledError, match="was closed before it ran"):
        cancelled.result(SECONDS)
    assert cancelled.cancelled()


def test_room_for_results_is_given_back(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    futures = [session.run(b"") for _ in range(1_100)]
    wait_for(lambda: len(stream.inputs) == 1_101, "the inputs")
    assert stream.messages[0].credit.results == 4_096
    stream.acknowledge(2, 1_100)
    stream.succeed(*range(2, 1_102))
    assert futures[-1].result(SECONDS) == b"=1101"
    wait_for(lambda: len([one for one in stream.messages if one.HasField("credit")]) == 2, "credit")
    assert sum(one.credit.results for one in stream.messages) == 4_096 + 1_101


def test_no_more_than_the_window_is_sent_before_it_is_acknowledged(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    futures = [session.run(b"") for _ in range(5_000)]
    wait_for(lambda: len(stream.inputs) == 4_097, "a full window")
    assert futures[-1].cancel()  # It has not left, and never will.
    stream.acknowledge(2, 4_096)
    wait_for(lambda: len(stream.inputs) == 5_000, "the rest")
    assert stream.inputs[-1][:2] == (1, 5_000)
    stream.acknowledge(4_098, 903)
    stream.succeed(*range(2, 5_001))
    assert futures[-2].result(SECONDS) == b"=5000"
    assert futures[-1].cancelled()


def test_without_streams_on_the_next_connection_everything_goes_on_by_calls(
    cluster: FakeCluster, streams: FakeStreams
) -> None:
    session = flamepy.create_session("flmrun")
    stream = opened(streams, session)
    known, unknown = session.run(b"x"), session.run(b"y")
    wait_for(lambda: len(stream.inputs) == 3, "the inputs")
    task = session.create_task(b"what the first became")
    stream.acknowledge(2, first_task=int(task.id))
    assert known.task_id == task.id
    cluster.stop()
    cluster.streams = None
    cluster.start()
    with pytest.raises(FlameError, match="may exist or not"):
        unknown.result(SECONDS)
    cluster.finish(cluster.tasks[session.id, task.id], types_pb2.TaskResult(output=b"done"))
    assert known.result(SECONDS) == b"done"
    cluster.execute = lambda *_: types_pb2.TaskResult(output=b"by a call")
    assert session.run(b"z").result(SECONDS) == b"by a call"


def test_threads_that_begin_together_make_one_task_each_where_there_are_no_streams(
    cluster: FakeCluster,
) -> None:
    cluster.execute = lambda _, task: types_pb2.TaskResult(output=b"=" + task.spec.input)
    session = flamepy.create_session("flmrun")
    together = threading.Barrier(8)
    got: dict[int, Any] = {}

    def use(number: int) -> None:
        together.wait(SECONDS)
        got[number] = session.invoke(b"%d" % number)

    users = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join(SECONDS)
    assert got == {number: b"=%d" % number for number in range(8)}
    assert sorted(task.spec.input for task in cluster.tasks.values()) == [
        b"%d" % number for number in range(8)
    ]


def test_threads_that_begin_together_share_one_stream(streams: FakeStreams) -> None:
    session = flamepy.create_session("flmrun")
    got: list[Any] = []
    users = [threading.Thread(target=lambda: got.append(session.invoke(b""))) for _ in range(8)]
    for user in users:
        user.start()
    stream = streams.number(1)
    wait_for(lambda: stream.inputs, "the first input")
    asked = len(stream.inputs)
    stream.acknowledge(1, asked)
    wait_for(lambda: len(stream.inputs) == 8, "the others")
    if asked < 8:
        stream.acknowledge(asked + 1, 8 - asked)
    stream.succeed(*range(1, 9))
    for user in users:
        user.join(SECONDS)
    assert sorted(got) == [b"=%d" % number for number in range(1, 9)]
    assert len(streams.all) == 1


def test_the_token_goes_with_the_stream(
    cluster: FakeCluster, streams: FakeStreams, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    tls = FlameClientTls(token_file=str(token))
    with flamepy.connect(cluster.endpoint, tls) as connection:
        stream = opened(streams, connection.create_session(SessionAttributes("flmrun")))
        assert stream.metadata["authorization"] == "Bearer secret"
