"""What tasks print, from nodes that go away and come back."""

import logging
import signal
from threading import Lock

import pytest

import flamepy
from flamepy import LogLine
from tests.support.real_cluster import RealCluster
from tests.support.wait import wait_for


def test_a_node_that_restarts_is_away_and_is_followed_when_it_is_back(
    real: RealCluster, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    lock = Lock()

    def told(line: LogLine) -> None:
        with lock:
            lines.append(line.text)

    def says(text: str) -> str:
        print(text)
        return text

    with caplog.at_level(logging.WARNING, logger="flamepy"):
        session = flamepy.create_session("flmrun", says, logs=told)
        with session:
            assert session("before") == "before"
            wait_for(lambda: "before" in lines, "the line before")
            real.restart("flame-executor-manager")
            assert session("after a restart") == "after a restart"
            wait_for(lambda: "after a restart" in lines, "the line after a restart")
            real.restart("flame-executor-manager", signal.SIGKILL)
            assert session("after a kill") == "after a kill"
            wait_for(lambda: "after a kill" in lines, "the line after a kill")
    warned = [record.getMessage() for record in caplog.records]
    assert not [text for text in warned if "older or of another make" in text]
    away = f"session {session.id}: node "
    assert [text for text in warned if text.startswith(away) and " is away for now: " in text]
