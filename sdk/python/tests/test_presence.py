"""What the SDK says of itself so that sessions of clients that are gone can be closed."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

import flamepy
from flamepy import SessionAttributes
from flamepy.core import ConnectionInstance
from tests.support.cluster import FakeCluster
from tests.support.wait import wait_for


def _presence_threads() -> int:
    return sum(thread.name == "flamepy-presence" for thread in threading.enumerate())


def test_a_client_beats_under_one_name_while_it_has_sessions_and_then_stops(
    cluster: FakeCluster,
) -> None:
    first = flamepy.create_session("flmrun")
    assert "flame-session-keep" not in cluster.metadata
    name = cluster.metadata["flame-client"]
    second = flamepy.create_session("flmrun")
    wait_for(lambda: len(cluster.beats) >= 3, "three beats")
    assert set(cluster.beats) == {name}
    first.close()
    beats = len(cluster.beats)
    wait_for(lambda: len(cluster.beats) > beats, "another beat")
    second.close()
    wait_for(lambda: _presence_threads() == 0, "the end of beating")


def test_a_session_that_another_client_made_keeps_this_one_beating(cluster: FakeCluster) -> None:
    with flamepy.connect(cluster.endpoint) as other:
        session_id = other.create_session(SessionAttributes("flmrun")).id
        other_name = cluster.metadata["flame-client"]
        flamepy.open_session(session_id)
        wait_for(lambda: len(set(cluster.beats)) == 2, "beats of both clients")
        assert other_name in cluster.beats
    ConnectionInstance.close()
    wait_for(lambda: _presence_threads() == 0, "the end of beating")


@pytest.mark.parametrize(
    "create",
    [
        lambda: flamepy.create_session("flmrun", session_id="my-own"),
        lambda: flamepy.create_session("flmrun", keep=True),
        lambda: flamepy.open_session("my-own", SessionAttributes("flmrun")),
    ],
    ids=["a chosen id", "keep", "get-or-create"],
)
def test_a_session_that_is_to_stay_says_so_and_needs_no_beat(
    cluster: FakeCluster, create: Callable[[], flamepy.Session]
) -> None:
    create()
    assert cluster.metadata["flame-session-keep"] == "true"
    assert _presence_threads() == 0
    assert cluster.beats == []


@pytest.mark.parametrize("answer", [None, 0], ids=["of another make", "that closes nothing"])
def test_a_session_manager_is_asked_once(cluster: FakeCluster, answer: int | None) -> None:
    cluster.next_beat = answer
    flamepy.create_session("flmrun")
    wait_for(lambda: len(cluster.beats) == 1 and _presence_threads() == 0, "one beat")
    flamepy.create_session("flmrun")
    assert (len(cluster.beats), _presence_threads()) == (1, 0)


def test_beats_go_on_after_a_restart_of_the_session_manager(cluster: FakeCluster) -> None:
    flamepy.create_session("flmrun")
    wait_for(lambda: len(cluster.beats) >= 1, "the first beat")
    cluster.stop()
    beats = len(cluster.beats)
    cluster.start()
    wait_for(lambda: len(cluster.beats) > beats, "another beat")


def test_a_program_that_forgets_its_session_ends(cluster: FakeCluster) -> None:
    program = "import flamepy; flamepy.create_session('flmrun')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"FLAME_ENDPOINT": cluster.endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
