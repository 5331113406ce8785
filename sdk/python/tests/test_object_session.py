"""Sessions of a function, a class or an object, against a cluster as it is."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    ObjectRef,
    ObjectSession,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    SessionAttributes,
)
from flamepy._calls.object_calls import Callables
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import Counter, by_value, wait_for_file
from tests.support.same import assert_same

SECONDS = 60
MIB = 1024 * 1024

Make = Callable[..., ObjectSession]


def show(*args: Any, **kwargs: Any) -> Any:
    return (args, kwargs)


class Model:
    """Counts what was done in its process."""

    made = 0

    def __init__(self, factor: int = 3) -> None:
        type(self).made += 1
        self.factor = factor
        self.calls = 0

    def __call__(self, n: int) -> int:
        return self.factor * n

    def told(self) -> tuple[int, int, int]:
        self.calls += 1
        return os.getpid(), type(self).made, self.calls

    def close(self) -> str:
        return "the model's own"

    async def later(self, n: int, m: int = 0) -> int:
        await asyncio.sleep(0)
        return n - m

    @property
    def broken(self) -> int:
        raise AssertionError("a property was read")

    def _private(self) -> None: ...


def test_a_function_takes_arguments_as_they_are_and_gives_values(make_session: Make) -> None:
    session = make_session(show)
    assert session(1, b=2) == ((1,), {"b": 2})
    assert session.invoke(1, 2, timeout=SECONDS) == ((1, 2), {})
    assert session.submit(b"bytes", timeout=5).result(SECONDS) == ((b"bytes",), {"timeout": 5})
    assert session.run(self=1, input_data=2).result(SECONDS) == ((), {"self": 1, "input_data": 2})
    assert session() == ((), {})
    for value in (b"", None, RunnerContext(len), {"a": [1]}, bytes(500_000), lambda: 1):
        (((given,), _)) = session(value)
        if not callable(value):
            assert_same(given, value)
    future = session.submit(1)
    assert future.result(SECONDS) is future.result()
    assert flamepy.get_session(session.id).failed == 0


def test_a_request_is_as_specified_also_here(make_session: Make) -> None:
    session = make_session(show)
    for given in (
        session.invoke(RunnerRequest(args=(1, 2))),
        session.run(RunnerRequest(args=(1, 2))).result(SECONDS),
        session(RunnerRequest(args=(1, 2))),
        session.submit(RunnerRequest(args=(1, 2))).result(SECONDS),
    ):
        assert isinstance(given, ObjectRef)
        assert given.get() == ((1, 2), {})
    request = session.request()
    request.set_object([3])
    assert session.invoke(request).get() == (([3],), {})
    counter = make_session(Counter())
    assert counter.invoke(RunnerRequest("add", args=(4,))).get() == 4


def test_other_sessions_are_as_they_were(real: RealCluster) -> None:
    by_value(None)
    with flamepy.create_session("flmrun", RunnerContext(len)) as session:
        assert type(session) is flamepy.Session
        assert session.invoke(RunnerRequest(args=("abc",))).get() == 3
    with flamepy.create_session("flmping") as raw:
        assert type(raw) is flamepy.Session
        assert isinstance(raw.invoke(b"", 60), bytes)


def test_sessions_of_a_context_give_values_as_well(real: RealCluster) -> None:
    by_value(None)
    with flamepy.create_session("flmrun", RunnerContext(show)) as session:
        assert session.submit(1, b=b"2").result(SECONDS) == ((1,), {"b": b"2"})
        assert list(session.map([1, 2], [3, 4])) == [((1, 3), {}), ((2, 4), {})]
        results = session.map([1, 2, 3], chunksize=2, timeout=SECONDS, progress=False)
        assert [args for args, _ in results] == [(1,), (2,), (3,)]
        reference = session.submit(RunnerRequest(args=(1,))).result(SECONDS)
        assert isinstance(reference, ObjectRef)
        assert session.submit(reference).result(SECONDS) == ((((1,), {}),), {})
        again = flamepy.open_session(session.id)
        assert again.submit(5).result(SECONDS) == ((5,), {})
        with pytest.raises(ValueError, match="chunksize must be >= 1, got 0"):
            session.map([1], chunksize=0)
    with flamepy.create_session("flmrun", RunnerContext(Counter())) as counted:
        assert list(counted.method("add").map([1, 2, 3])) == [1, 3, 6]
        with pytest.raises(RemoteTaskError, match="after 5"):
            counted.method("add_then_fail").submit(5).result(SECONDS)
        assert counted.invoke(RunnerRequest("add", args=(1,))).get() == 7


def test_a_session_without_an_object_refuses_calls(real: RealCluster) -> None:
    for data, what in ((None, "nothing"), (b"raw", "bytes")):
        with flamepy.create_session("flmping", data) as raw:
            for call in (raw.submit, raw.map, lambda _, of=raw: of.method("add")):
                with pytest.raises(TypeError, match=f"was created with {what}, so its tasks take"):
                    call([1])


def test_references_arrive_as_objects_and_coroutines_are_awaited(make_session: Make) -> None:
    session = make_session(Model().later)
    ref = flamepy.put_object(session.object_prefix, 5)
    assert session(ref, m=ref) == 0
    assert list(session.map([ref, 7], [1, ref], chunksize=2)) == [4, 2]


def test_a_class_is_instantiated_once_on_each_executor(make_session: Make) -> None:
    Model.made = 0
    session = make_session(Model, max_instances=1)
    assert session(2) == 6
    assert session.later(5, m=1) == 4
    told = [session.told() for _ in range(3)]
    assert [calls for _, _, calls in told] == [1, 2, 3]
    assert {made for _, made, _ in told} == {1}
    assert not flamepy.create_session("flmrun", Model).id.endswith(session.id)
    session.told.submit().result(SECONDS)
    assert list(session.method("__call__").map([1, 2])) == [3, 6]
    assert session.method("close")() == "the model's own"


def test_a_class_has_as_many_executors_as_it_needs(make_session: Make, tmp_path: Path) -> None:
    class Meeting:
        """Whoever comes waits for another, which has to be elsewhere."""

        def __init__(self) -> None:
            self.name = str(os.getpid())

        def meet(self, folder: str) -> str:
            import pathlib
            import time

            (pathlib.Path(folder) / self.name).touch()
            while len(list(pathlib.Path(folder).iterdir())) < 2:
                time.sleep(0.01)
            return self.name

    place = tmp_path / "place"
    place.mkdir()
    met = set(make_session(Meeting).meet.map([str(place)] * 2, timeout=SECONDS))
    assert len(met) == 2
    assert met == {path.name for path in place.iterdir()}


def test_an_object_keeps_what_its_calls_change(make_session: Make) -> None:
    session = make_session(Counter())
    assert list(session.add.map([1, 2, 3])) == [1, 3, 6]
    with pytest.raises(RemoteTaskError, match="after 5"):
        session.add_then_fail(5)
    assert session.add.run(1, task_timeout=SECONDS).result(SECONDS) == 7
    assert session.add.invoke(1, timeout=SECONDS) == 8
    assert list(session.add.map([1, 1, 1], chunksize=2)) == [9, 10, 11]
    assert flamepy.get_session(session.id).connection
    with pytest.raises(FlameError, match="a stateful session has one instance at most"):
        make_session(Counter(), max_instances=2)


def test_a_session_that_is_opened_elsewhere_gives_values_as_well(make_session: Make) -> None:
    made = make_session(Counter())
    for session in (flamepy.open_session(made.id), flamepy.get_session(made.id)):
        assert isinstance(session, ObjectSession)
        assert session.add(0) == 0
        assert "add" in dir(session)
        assert repr(session).startswith(f"ObjectSession(id={made.id!r}")
        assert repr(session.add) == f"<method 'add' of {session!r}>"
    attributes = SessionAttributes("flmrun", common_data=show)
    opened = flamepy.open_session(f"{made.id}-2", attributes)
    assert isinstance(opened, ObjectSession)
    assert opened(1) == ((1,), {})
    opened.close()
    with pytest.raises(FlameError, match="a closed session takes no tasks"):
        opened(1)


def test_what_cannot_be_called_is_refused_by_name(make_session: Make) -> None:
    counter = make_session(Counter())
    with pytest.raises(TypeError, match=r"cannot be called; it has the methods add, add_then_fail"):
        counter(1)
    with pytest.raises(TypeError, match="cannot be called"):
        counter.map([1])
    with pytest.raises(AttributeError, match=r"no attribute 'ad', nor has .*; it has the methods"):
        counter.ad(1)
    assert not hasattr(counter, "_repr_latex_")
    with pytest.raises(AttributeError, match="call the session itself"):
        make_session(show).add(1)
    with pytest.raises(RemoteTaskError, match="Counter has no method 'ad'; it has: add"):
        counter.method("ad")(1)

    class Needs:
        def __init__(self, path: str) -> None: ...

        def read(self) -> None: ...

    with pytest.raises(
        FlameError, match=r"Needs cannot be .* without arguments .*'path'"
    ) as caught:
        flamepy.create_session("flmrun", Needs)
    assert caught.value.code is FlameErrorCode.INVALID_ARGUMENT


def test_methods_are_found_without_asking_the_object() -> None:
    assert Callables.of(Model()) == Callables.of(Model())
    found = Callables.of(Model)
    assert found == Callables(True, ("close", "later", "told"), True)
    assert Callables.of(Counter).itself is False
    functions: list[Any] = [
        show,
        len,
        functools.partial(show),
        functools.lru_cache(show),
        [].append,
    ]
    for function in functions:
        assert Callables.of(function) == Callables(True, (), False)
    # Nobody can say what they take.
    assert Callables.of(dict).instantiate


def test_what_cannot_be_sent_is_refused_by_name(make_session: Make) -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"cannot send the context .* variable 'lock' of .*lock"):
        flamepy.create_session("flmrun", lambda: lock)
    session = make_session(show)
    with pytest.raises(TypeError, match=r"argument 2 of the call: it is a _thread.lock"):
        session(1, lock)
    with pytest.raises(TypeError, match=r"argument 'b' of the call: it is a _thread"):
        session.submit(1, b=lock)
    with pytest.raises(TypeError, match=r"argument 1 of the call: it is a _thread.lock"):
        list(session.map([lock], chunksize=2))
    assert session(1) == ((1,), {})


def test_a_class_that_cannot_be_made_fails_each_call_with_its_reason(make_session: Make) -> None:
    class Broken:
        def __init__(self) -> None:
            raise OSError("no such model")

        def ask(self) -> None: ...

    session = make_session(Broken)
    for _ in range(2):
        with pytest.raises(RemoteTaskError, match="OSError: no such model"):
            session.ask()


def test_a_call_ends_at_its_deadline_and_a_wait_at_its_own(
    make_session: Make, tmp_path: Path
) -> None:
    session = make_session(wait_for_file)
    never = tmp_path / "never"
    with pytest.raises(RemoteTaskError, match="did not end within 1 s of its submit"):
        session.invoke(never, task_timeout=1)
    with pytest.raises(TimeoutError, match=r"did not end within 0\.2 s"):
        session.invoke(never, timeout=0.2)
    with pytest.raises(RemoteTaskError, match="did not end within 1 s of its submit"):
        list(session.map([never], task_timeout=1))


def test_a_task_can_be_made_and_looked_at_later(make_session: Make) -> None:
    session = make_session(abs)
    task = session.create_task(-1)
    done = list(session.watch_task(task.id))[-1]
    assert done.state is flamepy.TaskState.SUCCEED


def test_set_object_needs_no_session(make_session: Make) -> None:
    session = make_session(len)
    request = RunnerRequest()
    request.set_object([1, 2])
    assert request.input_object is not None
    assert request.input_object.key.startswith("clients/")
    assert session.invoke(request).get() == 2
    again = RunnerRequest()
    again.set_object("abc")
    assert again.input_object is not None
    prefix = request.input_object.key.rpartition("/")[0]
    assert again.input_object.key.startswith(prefix)
    with pytest.raises(TypeError, match=r"takes \(obj\) or \(session_id, obj\), got 3"):
        again.set_object(1, 2, 3)  # type: ignore[call-overload]
