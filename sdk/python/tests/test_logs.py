"""What tasks print, on its way to whoever waits for them."""

from __future__ import annotations

import io
import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, LogLine
from flamepy._logs.lines import print_lines, sink_of
from flamepy.core import ConnectionInstance
from flamepy.proto import logs_pb2, logs_pb2_grpc
from tests.support.cluster import FakeCluster
from tests.support.wait import wait_for

EXECUTOR = "0123456789abcdef"


def lines(text: str | bytes = "", **more: Any) -> logs_pb2.Lines:
    data = text if isinstance(text, bytes) else text.encode()
    return logs_pb2.Lines(
        **{"executor_id": EXECUTOR, "stream": "out", "task_id": "3", "data": data, **more}
    )


def reader_threads() -> int:
    return sum(thread.name == "flamepy-logs" for thread in threading.enumerate())


class FakeLogs(logs_pb2_grpc.LogsServicer):
    """Follows what it is asked for; a test says what comes."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.answers_ends = True
        self.streams = 0
        self._out: queue.SimpleQueue[logs_pb2.FollowResponse | None] = queue.SimpleQueue()

    def Follow(self, requests: Iterator[logs_pb2.FollowRequest], context: Any) -> Iterator[Any]:
        out = self._out = queue.SimpleQueue()
        self.streams += 1
        context.send_initial_metadata(())
        threading.Thread(target=self._hear, args=(requests, out), daemon=True).start()
        context.add_callback(lambda: out.put(None))
        while (response := out.get()) is not None:
            yield response
        if context.is_active():
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

    def say(self, response: logs_pb2.FollowResponse) -> None:
        self._out.put(response)

    def print(self, session: flamepy.Session, text: str, **more: Any) -> None:
        said = lines(text, session_id=session.id, **more)
        self.say(logs_pb2.FollowResponse(lines=[said]))

    def break_off(self) -> None:
        self._out.put(None)

    def _hear(self, requests: Iterator[logs_pb2.FollowRequest], out: Any) -> None:
        try:
            for request in requests:
                self.begun += request.begin
                out.put(logs_pb2.FollowResponse(begun=request.begin))
                self.ended += request.end
                for session_id in request.end if self.answers_ends else ():
                    end = logs_pb2.FollowEnd(session_id=session_id)
                    out.put(logs_pb2.FollowResponse(ends=[end]))
        except grpc.RpcError:
            pass  # The stream is over.


@pytest.fixture
def logs(cluster: FakeCluster) -> FakeLogs:
    """A cluster that tells what tasks print."""
    fake = FakeLogs()
    cluster.stop()
    cluster.logs = fake
    cluster.start()
    return fake


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nobody_is_asked_where_nobody_looks(logs: FakeLogs) -> None:
    with flamepy.create_session("flmrun"), flamepy.create_session("flmrun", logs=False):
        assert reader_threads() == 0
    assert logs.streams == 0


def test_lines_go_to_a_terminal_by_themselves(
    logs: FakeLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = _Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    session = flamepy.create_session("flmrun")
    wait_for(lambda: logs.begun == [session.id], "the session to be followed")
    logs.print(session, "one\ntwo\n")
    logs.print(session, "wrong\n", stream="err")
    session.close()
    assert logs.ended == [session.id]
    assert out.getvalue() == "(01234567 task 3) one\n(01234567 task 3) two\n"
    assert err.getvalue() == "(01234567 task 3) wrong\n"


def test_a_notebook_is_a_place_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class IPython:
        @staticmethod
        def get_ipython() -> Any:
            return IPython

        kernel = True

    assert sink_of(None) is None
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert sink_of(None) is print_lines
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert sink_of(None) is None


def test_a_service_keeps_its_prints_to_its_own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal())
    monkeypatch.setenv("FLAME_INSTANCE_ENDPOINT", "/somewhere")
    assert sink_of(None) is None
    assert sink_of(True) is print_lines


def test_a_cluster_of_another_make_goes_without_unless_they_are_asked_for(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal())
    with flamepy.create_session("flmrun"):
        wait_for(lambda: reader_threads() == 0, "the end of asking")
    assert not caplog.records
    with pytest.raises(FlameError, match="does not tell what tasks print") as caught:
        flamepy.create_session("flmrun", logs=True, session_id="unborn")
    assert caught.value.code is FlameErrorCode.INVALID_STATE
    with pytest.raises(FlameError, match="leave logs out"):
        flamepy.Executor(logs=print)
    assert "unborn" not in cluster.sessions


def test_what_logs_can_not_be_is_refused(cluster: FakeCluster) -> None:
    wrong: Any
    for wrong in ("yes", 1, []):
        with pytest.raises(TypeError, match="logs must be True, False, None or a function"):
            flamepy.create_session("flmrun", logs=wrong)
    assert not cluster.sessions


def test_a_handle_that_begins_while_another_ends_gets_its_lines(logs: FakeLogs) -> None:
    logs.answers_ends = False
    first: list[LogLine] = []
    second: list[LogLine] = []
    session = flamepy.create_session("flmrun", logs=first.append)
    wait_for(lambda: logs.begun == [session.id], "the session to be followed")
    closing = threading.Thread(target=session.close)
    closing.start()
    wait_for(lambda: logs.ended == [session.id], "the end to be asked for")

    again = flamepy.open_session(session.id, logs=second.append)
    wait_for(lambda: len(logs.begun) == 2, "the session to be followed anew")
    logs.print(session, "before the end\n")
    logs.say(logs_pb2.FollowResponse(ends=[logs_pb2.FollowEnd(session_id=session.id)]))
    closing.join(10)
    assert not closing.is_alive()
    logs.print(session, "behind the end\n")
    wait_for(lambda: len(second) == 2, "the line behind the end")
    assert [line.text for line in first] == ["before the end"]
    assert [line.text for line in second] == ["before the end", "behind the end"]
    logs.answers_ends = True
    again.close()
    assert logs.ended == [session.id] * 2


def test_a_function_gets_each_line_and_may_fail(
    logs: FakeLogs, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[LogLine] = []

    def take(line: LogLine) -> None:
        got.append(line)
        raise KeyError(line.text)

    with flamepy.create_session("flmrun", logs=take) as session:
        wait_for(lambda: logs.begun == [session.id], "the session to be followed")
        logs.print(session, "one\r\n\ntwo", node="n1", left_out=1)
        between = logs_pb2.Lines(executor_id="e", stream="err", session_id=session.id, data=b"x\n")
        logs.say(logs_pb2.FollowResponse(lines=[between]))
    of = ("out", EXECUTOR, "3", "n1", session.id)
    assert got == [
        LogLine("... 1 line left out", *of, left_out=1),
        LogLine("one", *of),
        LogLine("", *of),
        LogLine("two", *of),
        LogLine("x", "err", "e", None, "", session.id),
    ]
    assert str(got[1]) == "(01234567 task 3) one"
    assert str(got[4]) == "(e) x"
    assert len(caplog.records) == 1
    assert "goes on being called" in caplog.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (lines("no end"), "(01234567 task 3) no end\n"),
        (lines(b"\xff\xe2\x98\n"), "(01234567 task 3) \ufffd\ufffd\n"),
        (lines("10 %\r20 %\r30 %\n"), "(01234567 task 3) 30 %\n"),
        (lines("a\x0bb\u2028c\n"), "(01234567 task 3) a\x0bb\u2028c\n"),
        (lines(left_out=1234567), "(01234567 task 3) ... 1,234,567 lines left out\n"),
        (lines("\n\n"), "(01234567 task 3) \n(01234567 task 3) \n"),
    ],
)
def test_lines_are_shown_as_they_are(
    said: logs_pb2.Lines, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_lines(said)
    assert capsys.readouterr().out == shown


def test_lines_do_without_a_stream_and_with_a_narrow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_lines(lines("zwölf\n"))
    assert raw.getvalue() == b"(01234567 task 3) zw\\xf6lf\n"
    sys.stdout.close()
    print_lines(lines("nobody\n"))
    monkeypatch.setattr(sys, "stdout", None)
    print_lines(lines("nobody\n"))


def test_a_stream_that_breaks_is_opened_again(logs: FakeLogs) -> None:
    got: list[str] = []
    with flamepy.create_session("flmrun", logs=lambda line: got.append(line.text)) as session:
        wait_for(lambda: logs.begun == [session.id], "the session to be followed")
        logs.break_off()
        wait_for(lambda: logs.begun == [session.id] * 2, "the session to be followed again")
        logs.print(session, "again\n")
    assert got == ["again"]


def test_troubles_are_told_to_who_asked(
    logs: FakeLogs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal())
    for asked in (None, True):
        with flamepy.create_session("flmrun", logs=asked) as session:
            wait_for(lambda: session.id in logs.begun, "the session to be followed")
            notice = logs_pb2.FollowNotice(session_id=session.id, text="node n1 tells nothing")
            logs.say(logs_pb2.FollowResponse(notices=[notice, notice]))
            end = logs_pb2.FollowEnd(session_id=session.id, code=8, message="too many")
            logs.say(logs_pb2.FollowResponse(ends=[end]))
    assert [record.getMessage() for record in caplog.records] == [
        f"session {session.id}: node n1 tells nothing",
        f"session {session.id}: what its tasks print is not told: too many",
    ]
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_two_who_follow_one_session_are_told_apart(logs: FakeLogs) -> None:
    one: list[str] = []
    two: list[str] = []
    session = flamepy.create_session("flmrun", logs=lambda line: one.append(line.text))
    again = flamepy.open_session(session.id, logs=lambda line: two.append(line.text))
    wait_for(lambda: logs.begun == [session.id], "the session to be followed")
    logs.print(session, "both\n")
    wait_for(lambda: one == two == ["both"], "the line")
    assert again._logs is not None
    again._logs.end()
    assert logs.ended == []
    logs.print(session, "one\n")
    session.close()
    assert (one, two) == (["both", "one"], ["both"])


def test_a_close_does_not_wait_for_ever(logs: FakeLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.answers_ends = False
    monkeypatch.setattr("flamepy._logs.stream._END_SECONDS", 0.2)
    session = flamepy.create_session("flmrun", logs=print)
    wait_for(lambda: logs.begun == [session.id], "the session to be followed")
    session.close()
    assert logs.ended == [session.id]


@pytest.mark.parametrize("close", [ConnectionInstance.close, lambda: None])
def test_a_connection_takes_the_reader_with_it(
    logs: FakeLogs, close: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[str] = []
    session = flamepy.create_session("flmrun", logs=lambda line: got.append(line.text))
    wait_for(lambda: logs.begun == [session.id], "the session to be followed")
    logs.print(session, "the last\n")
    close()
    ConnectionInstance.close()
    assert got == ["the last"]
    assert reader_threads() == 0
