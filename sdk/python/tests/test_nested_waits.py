"""What is told of waits of a task for tasks of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from flamepy._services.nested_waits import NestedWaits, tell_nested_waits
from flamepy._sessions.futures import TaskFuture
from tests.support.wait import wait_for

SECONDS = 10


class Inner(TaskFuture):
    """The future of a task of a session."""

    def __init__(self, session_id: str = "inner") -> None:
        self.session_id = session_id
        super().__init__()

    def _awaited_session(self) -> str:
        return self.session_id


@pytest.fixture
def told() -> list[list[str]]:
    """What the executor manager of this process was told, in order."""
    return []


@pytest.fixture(autouse=True)
def waits(told: list[list[str]]) -> Iterator[NestedWaits]:
    """This process is a service, and a task runs."""
    made = NestedWaits(told.append)
    tell_nested_waits(made)
    made.task_begins()
    yield made
    tell_nested_waits(None)


def test_a_wait_is_told_and_its_end(told: list[list[str]]) -> None:
    with pytest.raises(TimeoutError):
        Inner().result(timeout=0.01)
    assert told == [["inner"], []]


def test_a_result_that_is_there_is_not_waited_for(told: list[list[str]]) -> None:
    future = Inner()
    future.succeed(7)
    assert (future.result(), future.exception()) == (7, None)
    assert told == []


def test_each_session_is_told_once(told: list[list[str]], waits: NestedWaits) -> None:
    ends = [waits.begin(session) for session in ("a", "b", "a")]
    for end in ends:
        end()
    assert told == [["a"], ["a", "b"], ["a"], []]


def test_a_wait_ends_once(told: list[list[str]], waits: NestedWaits) -> None:
    end, other = waits.begin("a"), waits.begin("a")
    end()
    other()
    end()
    assert told == [["a"], []]


def test_a_thread_that_an_earlier_task_left_waiting_is_nothing_to_the_next(
    told: list[list[str]], waits: NestedWaits
) -> None:
    future = Inner()
    thread = threading.Thread(target=future.result)
    thread.start()
    wait_for(lambda: bool(told), "the wait to be told", SECONDS)
    waits.task_begins()
    future.succeed(None)
    thread.join()
    assert told == [["inner"]]


def test_a_forked_child_tells_nothing(told: list[list[str]], waits: NestedWaits) -> None:
    child = os.fork()
    if child == 0:
        waits.begin("inner")
        os._exit(len(told))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_process_that_is_no_service_tells_nothing(told: list[list[str]]) -> None:
    tell_nested_waits(None)
    with pytest.raises(TimeoutError):
        Inner().result(timeout=0.01)
    assert told == []
