"""The Runner against daemons and services as they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, ObjectRef, RemoteTaskError, SessionState
from flamepy.core import get_session
from flamepy.runner import (
    ObjectFuture,
    Runner,
    RunnerService,
    SessionContext,
    get_data,
)
from tests.support.real_cluster import RealCluster


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of somebody's, in which they are."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_module.py").write_text(
        "def double(n):\n    return 2 * n\n\n\nclass Point:\n    def __init__(self, x):\n"
        "        self.x = x\n"
    )
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def runner(real: RealCluster, project: Path) -> Iterator[Runner]:
    with Runner("runner-test") as made:
        yield made


def counter() -> Any:
    """Return a class that travels by value."""

    class Counter:
        """Counts."""

        def __init__(self, count: int = 0) -> None:
            self.count = count

        def add(self, number: int) -> int:
            """Add."""
            self.count += number
            return self.count

        def fail(self) -> None:
            self.count += 100
            raise KeyError("zz")

        def close(self) -> None:
            """Has the name of something that a service has itself."""

    return Counter


def test_functions_objects_and_references(runner: Runner, project: Path) -> None:
    import own_module  # type: ignore[import-not-found]

    double = runner.service(own_module.double)
    results = [double(number) for number in range(5)]
    assert all(isinstance(result, ObjectFuture) for result in results)
    assert runner.get(results) == [0, 2, 4, 6, 8]
    assert sorted(result.get() for result in runner.select(results)) == [0, 2, 4, 6, 8]
    runner.wait(results)
    assert [ref.get() for ref in runner.ref(results)] == [0, 2, 4, 6, 8]
    # Futures and references arrive as their values; so do large arguments.
    assert double(double(results[1])).get() == 8
    assert double(n=runner.put_object("ab")).get() == "abab"
    assert double([b"x" * 400_000]).get() == [b"x" * 400_000] * 2
    assert [
        (task.state.name, len(task.input or b"") < 300_000)
        for task in get_session(double._session.id).list_tasks()
    ] == [("SUCCEED", True)] * 9

    points = runner.service(counter()(5))
    assert points._session.id.startswith("runner-test-")
    assert points.add(1).get() == 6
    with pytest.raises(RemoteTaskError, match="KeyError: 'zz'") as caught:
        points.fail().get()
    assert isinstance(caught.value.__cause__, KeyError)
    assert points.add(number=2).get() == 8
    assert points.add.__doc__ == "Add."
    with pytest.raises(TypeError, match=r"not callable: .* Call one of its methods: "):
        points()
    with pytest.raises(AttributeError, match="no method 'subtract'; it has: add, close, fail"):
        points.subtract(1)
    with pytest.raises(AttributeError, match="it has: none; call the service itself"):
        double.method()
    task = next(iter(get_session(points._session.id).list_tasks()))
    assert get_data(task.input or b"")["args"] == (1,)
    assert get_data(task.output or b"")["result"] == 6
    assert isinstance(get_data(task.output or b"")["metadata"]["object_ref_key"], str)


def test_a_class_is_made_on_the_instance_and_kept_warm(runner: Runner) -> None:
    service = runner.service(counter(), autoscale=False, warmup=1)
    assert service.add(1).get() == 1
    spec = next(one for one in flamepy.list_sessions() if one.id == service._session.id)
    assert spec.state is SessionState.OPEN
    service.close()
    service.close()
    assert get_session(service._session.id).state is SessionState.CLOSED
    for wish in ({"autoscale": True}, {"warmup": 2}):
        with pytest.raises(ValueError, match="Object instance services"):
            runner.service(counter()(), **wish)
    with pytest.raises(TypeError, match=r"cannot send the execution object of the service: .*lock"):
        runner.service(counter()(threading.Lock()))


def test_a_session_has_the_id_that_somebody_wished(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    add._session_context = SessionContext("wished", "app")  # type: ignore[attr-defined]
    first = runner.service(add)
    assert (first._session.id, first(1, 2).get()) == ("wished", 3)
    again = runner.service(add)
    assert (again._session.id, again(3, 4).get()) == ("wished", 7)
    add._session_context = {"session_id": "no"}  # type: ignore[attr-defined]
    other = runner.service(add)
    assert other._session.id.startswith("runner-test-")
    assert "is a dict and is ignored" in caplog.text


def test_a_task_makes_the_runner_of_its_application_anew(runner: Runner) -> None:
    class Recursive:
        _session_context = SessionContext("recursive")

        def compute(self, depth: int) -> int:
            if depth == 0:
                return 1
            from flamepy.runner import Runner

            with Runner("runner-test") as inner:
                # The session is the one that this task runs in: it stays open.
                below: int = inner.service(type(self)).compute(depth - 1).get()
                return 2 * below

    service = runner.service(Recursive)
    assert service.compute(1).get() == 2
    assert service.compute(1).get() == 2
    assert get_session("recursive").state is SessionState.OPEN


def test_everything_is_there_until_the_end(real: RealCluster, project: Path) -> None:
    runner = Runner("ends", python_version="3.12")
    made = flamepy.get_application("ends")
    template = flamepy.get_application("flmrun")
    assert made is not None
    assert template is not None
    assert made.description == "Runner application: ends"
    assert made.url is not None
    assert made.url.startswith("grpc://127.0.0.1:")
    assert made.url.endswith("/ends/pkg/ends.tar.gz")
    assert made.working_directory == f"{template.working_directory}/ends"
    assert (made.environments or {})["FLAME_PYTHON_VERSION"] == "3.12"
    same = ("command", "arguments", "installer", "shim", "max_instances", "delay_release")
    assert [getattr(made, name) for name in same] == [getattr(template, name) for name in same]

    with pytest.raises(FlameError, match="already exists") as caught:
        Runner("ends", fail_if_exists=True)
    assert caught.value.code is FlameErrorCode.ALREADY_EXISTS
    with Runner("ends") as second:
        service = second.service(len)
        assert service("abc").get() == 3
    assert get_session(service._session.id).state is SessionState.CLOSED
    assert flamepy.get_application("ends") is not None

    ref = runner.put_object("value")
    assert repr(runner) == "Runner('ends', started)"
    runner.close()
    runner.close()
    assert repr(runner) == "Runner('ends', closed)"
    assert flamepy.get_application("ends") is None
    for key in (ref.key, "ends/pkg/ends.tar.gz"):
        with pytest.raises(KeyError):
            ObjectRef(ref.endpoint, key).get()
    assert os.listdir(project) == ["own_module.py"]


def test_a_runner_that_cannot_start_leaves_nothing(
    real: RealCluster, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(os.environ["HOME"]) / ".flame" / "flame.yaml"
    file.parent.mkdir()

    def configure(more: str) -> None:
        file.write_text(f"current-context: here\ncontexts:\n  - name: here\n{more}")

    configure("    runner: {template: nobody}\n")
    with pytest.raises(FlameError, match="template 'nobody': no such application") as caught:
        Runner("fails")
    assert caught.value.code is FlameErrorCode.NOT_FOUND
    configure("    package: {storage: 'file:///does/not/exist'}\n")
    with pytest.raises(FlameError, match="Storage directory does not exist"):
        Runner("fails")
    store = project.parent / "store"
    store.mkdir()
    configure(f"    package: {{storage: 'file://{store}'}}\n")
    with pytest.raises(FlameError, match="invalid application name"):
        Runner("not a name")
    assert (os.listdir(store), os.listdir(project)) == ([], ["own_module.py"])
    with Runner("kept"):
        assert os.listdir(store) == ["kept.tar.gz"]
    assert (os.listdir(store), os.listdir(project)) == ([], ["own_module.py"])


def test_a_service_of_an_application_that_is_gone_leaves_no_object(real: RealCluster) -> None:
    with pytest.raises(FlameError, match="nobody"):
        RunnerService("nobody", len)
