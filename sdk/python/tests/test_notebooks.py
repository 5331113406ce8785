"""How things show in notebooks and in terminals."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    ObjectSession,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    Task,
    TaskState,
)
from flamepy._calls.requests import encode_request
from flamepy._model.listing import NODES, Listing
from flamepy._sessions.task_values import TaskValues, state_named, tasks_listed
from flamepy.proto import types_pb2
from tests.support.cluster import FakeCluster
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import Counter
from tests.support.wait import wait_for

SECONDS = 60
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: In names and texts of anybody's.
BAD = "<script>alert('&')</script>"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(thing: Any) -> set[str]:
    """Return the tags of what a notebook is given, which are closed as they were opened."""
    parser = _Tags()
    parser.feed(thing._repr_html_())
    parser.close()
    assert parser.open == []
    return parser.seen


PLAIN = {"div", "b", "table", "tr", "th", "td"}


def test_nothing_that_is_shown_is_taken_for_html(cluster: FakeCluster) -> None:
    flamepy.register_application(BAD, {"command": BAD, "labels": [BAD], "description": BAD})
    session = flamepy.create_session("flmrun", session_id=BAD)
    session.events = [flamepy.Event(1001, BAD, NOW)]
    task = Task(BAD, BAD, TaskState.FAILED, NOW, events=[flamepy.Event(3, BAD)])
    node = types_pb2.Node(metadata=types_pb2.Metadata(name=BAD))
    error = RemoteTaskError(BAD, BAD, BAD, BAD, BAD)
    shown = [
        flamepy.get_application(BAD),
        flamepy.list_applications(),
        session,
        flamepy.list_sessions(),
        task,
        TaskValues(**vars(task)),
        tasks_listed([task], None, "a/b"),
        Listing([node], NODES),
        FlameError(FlameErrorCode.INTERNAL, BAD),
        error,
    ]
    for thing in shown:
        assert tags_of(thing) <= {*PLAIN, "pre"}
        assert "&lt;script&gt;" in thing._repr_html_()  # type: ignore[union-attr]


def test_lists_are_lists_and_what_is_a_message_stays_one(real: RealCluster) -> None:
    nodes, executors = flamepy.list_nodes(), flamepy.list_executors()
    assert isinstance(nodes, list)
    assert isinstance(nodes[0], types_pb2.Node)
    assert all(isinstance(each, types_pb2.Executor) for each in executors)
    assert isinstance(flamepy.list_applications(), list)
    text = nodes._repr_html_()  # type: ignore[attr-defined]
    assert nodes[0].metadata.name in text
    assert "Ready" in text
    assert "GiB of" in text
    assert tags_of(nodes) == PLAIN
    applications = flamepy.list_applications()
    copy = pickle.loads(pickle.dumps(applications))
    assert (type(copy), copy) == (list, applications)
    assert "flmrun" in applications._repr_html_()  # type: ignore[attr-defined]
    tags_of(executors)


def test_long_lists_are_cut() -> None:
    tasks = [Task(str(n), "s", TaskState.PENDING, NOW) for n in range(1234)]
    text = tasks_listed(tasks, None, "a/b")._repr_html_()
    assert text.count("<tr>") == 101
    assert "Tasks: 1,234" in text
    assert "... and 1,134 more" in text


def test_tasks_and_applications_say_what_matters_in_a_line(cluster: FakeCluster) -> None:
    task = Task("1", "s", TaskState.SUCCEED, NOW, b"x" * 5000, None, NOW)
    assert repr(task) == (
        "Task(id='1', session_id='s', state=SUCCEED, input=<5,000 bytes>, output=None)"
    )
    assert task.duration() == 0
    failed = Task("1", "s", TaskState.FAILED, NOW, events=[flamepy.Event(3, "KeyError: 'a'")])
    assert repr(failed).endswith("""failure="KeyError: 'a'")""")
    assert failed.duration() is None
    flamepy.register_application("app", {"command": "serve"})
    text = repr(flamepy.get_application("app"))
    assert "name='app'" in text
    assert "command='serve'" in text
    assert "None" not in text


def test_a_session_shows_its_tasks_as_values(make_session: Callable[..., ObjectSession]) -> None:
    session = make_session(lambda a, b=2: a // b)
    assert session(7, b=3) == 2
    assert list(session.map(range(4), chunksize=2)) == [0, 0, 1, 1]
    with pytest.raises(RemoteTaskError):
        session(1, b=0)
    assert session.invoke(RunnerRequest(args=(9,))).get() == 4
    with pytest.raises(RemoteTaskError):
        session(bytes(500_000))
    tasks = session.tasks()
    assert [repr(task) for task in tasks[:2]] == [
        "TaskValues(id='1', state=SUCCEED, call=(7, b=3), result=2)",
        "TaskValues(id='2', state=SUCCEED, call=of each of (0,), (1,), result=[0, 0])",
    ]
    assert (tasks[0].value, tasks[2].value) == (2, [1, 1])
    assert tasks[3].call == session.tasks("failed")[0].call
    (failed, large) = session.tasks(TaskState.FAILED)
    assert "call=(1, b=0), result=ZeroDivisionError: " in repr(failed)
    with pytest.raises(RemoteTaskError, match="ZeroDivisionError"):
        _ = failed.value
    assert repr(session.tasks("succeed")[-1]).endswith("call=(9), result=4)")
    assert "call=(large)" in repr(large)
    assert len(large.call.args[0]) == 500_000  # type: ignore[union-attr, index]
    assert "ZeroDivisionError" in tasks._repr_html_()
    assert tags_of(tasks) == PLAIN
    assert tags_of(session) == PLAIN
    assert session.tasks("running") == []


def test_methods_and_sessions_of_others_show_too(
    make_session: Callable[..., ObjectSession],
) -> None:
    counter = make_session(Counter())
    counter.add(3)
    assert "call=add(3), result=3" in repr(counter.tasks()[0])
    with flamepy.create_session("flmping") as raw:
        raw.invoke(b'{"duration": 1}')
        (task,) = raw.tasks()
        assert task.call == b'{"duration": 1}'
        assert isinstance(task.value, bytes)
        assert """call=b'{"duration": 1}', result=b'""" in repr(task)
    with flamepy.create_session("flmrun", RunnerContext(len)) as plain:
        request = plain.request()
        request.set_object("abc")
        assert plain.invoke(request).get() == 3
        (task,) = plain.tasks()
        assert task.value == 3
        assert "call=(ObjectRef(" in repr(task)


def test_what_cannot_be_shown_says_why() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise KeyError("odd")

    class array:  # As one of the standard library, which reprlib looks into.
        pass

    data = encode_request(RunnerRequest(args=(Odd(), array())), "a/b")
    task = TaskValues("1", "s", TaskState.PENDING, NOW, data)
    assert re.search(r"call=\(<Odd instance at \w+>, <.*array object at \w+>\)\)$", repr(task))
    broken = TaskValues("1", "s", TaskState.SUCCEED, NOW, data.replace(b"3.12", b"3.99"), data)
    assert "call=(cannot be shown: PythonVersionError: " in repr(broken)
    assert "TaskValues(id='1', state=PENDING, call=(not told))" == repr(
        TaskValues("1", "s", TaskState.PENDING, NOW)
    )
    many = encode_request(RunnerRequest(args=tuple(range(100))), "a/b")
    assert "9, ... 90 more)" in repr(TaskValues("1", "s", TaskState.PENDING, NOW, many))


def test_states_are_given_by_name_too() -> None:
    assert state_named("FaiLed") is TaskState.FAILED
    assert state_named(TaskState.RUNNING) is TaskState.RUNNING
    assert state_named(None) is None
    with pytest.raises(ValueError, match="got 'done', expected one of pending, running, succeed"):
        state_named("done")


def test_a_task_that_was_cancelled_says_by_whom(
    make_session: Callable[..., ObjectSession],
) -> None:
    session = make_session(abs, max_instances=1)
    future = session.submit(1)
    future.result(SECONDS)
    session.cancel()
    wait_for(lambda: len(session.tasks("succeed")) == 1, "the task", SECONDS)
    by = [flamepy.Event(1101, "cancelled by ada")]
    cancelled = TaskValues("1", "s", TaskState.CANCELLED, NOW, events=by)
    assert "result=task 1 was cancelled by ada" in repr(cancelled)
