"""flamepy where the session manager or all nodes are of another make: those run flamepy 0.6.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import (
    ApplicationAttributes,
    FlameError,
    FlameErrorCode,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    RunnerServiceKind,
)
from flamepy.core import ConnectionInstance, get_session
from tests.support.published_manager import PublishedManager
from tests.support.real_cluster import RealCluster

_PUBLISHED = Path(__file__).parents[3] / ".flame/venvs/flamepy-0.6.0/bin/python"


@pytest.fixture(params=[False, True], ids=["session manager", "nodes"])
def application(
    real: RealCluster, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """An application whose services are of the published flamepy."""
    with PublishedManager(real.endpoint, beats=request.param) as manager:
        monkeypatch.setenv("FLAME_ENDPOINT", manager.endpoint)
        attributes = ApplicationAttributes(
            command=str(_PUBLISHED), arguments=["-m", "flamepy.runner.runpy"]
        )
        flamepy.register_application("published", attributes)
        yield "published"
        flamepy.unregister_application("published")
        ConnectionInstance.close()


def functions() -> Any:
    """Return what travels by value."""

    def add(a: Any, b: Any = 10) -> Any:
        if a is None:
            raise KeyError("no number")
        return a + b

    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def up(self, by: int) -> int:
            self.count += by
            return self.count

    for each in (add, Counter):
        each.__module__ = "__main__"
    return add, Counter


def test_the_specified_calls_run(application: str) -> None:
    add, _ = functions()
    with flamepy.create_session(application, RunnerContext(add)) as session:
        three = session.invoke(RunnerRequest(args=(1, 2)))
        assert three.get() == 3
        assert session.invoke(RunnerRequest(args=(three,))).get() == 13
        assert session.invoke(RunnerRequest(kwargs={"a": 1, "b": 1})).get() == 2
        request = session.request()
        request.set_object(5)
        assert session.run(request).result().get() == 15
        assert session.common_data() == get_session(session.id).common_data()


def test_calls_of_a_function_give_values_and_large_arguments_go_by_reference(
    application: str,
) -> None:
    add, _ = functions()
    with flamepy.create_session(application, add) as session:
        assert session(1, b=2) == 3
        assert list(session.map([1, 2, 3], chunksize=2)) == [11, 12, 13]
        large = b"x" * 5_000_000
        assert session(large, b"y") == large + b"y"
        with pytest.raises(RemoteTaskError, match="no number"):
            session(None)


def test_a_class_is_instantiated_and_an_object_keeps_what_calls_change(application: str) -> None:
    _, counter = functions()
    with flamepy.create_session(application, counter) as session:
        assert session.up(2) == 2
    with flamepy.create_session(application, counter()) as session:
        assert [session.up(2), session.up(3)] == [2, 5]


def test_a_session_that_is_opened_is_called_alike(application: str) -> None:
    add, _ = functions()
    spec = flamepy.SessionAttributes(application=application, common_data=RunnerContext(add))
    with flamepy.open_session("opened", spec) as session:
        assert session.invoke(RunnerRequest(args=(1,))).get() == 11
        again = flamepy.open_session("opened")
        assert again.invoke(RunnerRequest(args=(2,))).get() == 12


def test_what_those_services_would_take_for_something_else_is_refused(application: str) -> None:
    add, counter = functions()
    stateful, stateless = RunnerServiceKind.Stateful, RunnerServiceKind.Stateless
    for context, text in (
        (RunnerContext(counter), "make an instance of a class"),
        (RunnerContext(add, stateful), "keep no changes of what can be called"),
        (RunnerContext(counter(), stateless), "keep what calls change of a Counter"),
    ):
        with pytest.raises(
            FlameError, match=f"of this cluster are of another make: they {text}"
        ) as refused:
            flamepy.create_session(application, context)
        assert refused.value.code is FlameErrorCode.INVALID_ARGUMENT
    with pytest.raises(
        FlameError, match=r"failed to make an Executor.*Use flamepy\.create_session"
    ):
        flamepy.Executor(application)
    assert application not in [session.application for session in flamepy.core.list_sessions()]


def test_packages_are_refused_for_sessions_and_applications(application: str) -> None:
    for refused in (
        lambda: flamepy.create_session(application, len, packages=["six"]),
        lambda: flamepy.register_application("other", ApplicationAttributes(packages=["six"])),
    ):
        with pytest.raises(
            FlameError, match=r"packages=\['six'\]: .* are of another make"
        ) as caught:
            refused()
        assert caught.value.code is FlameErrorCode.INVALID_STATE
