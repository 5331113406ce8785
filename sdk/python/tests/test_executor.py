"""``flamepy.Executor``, against a cluster as it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import Executor, FlameError, FlameErrorCode, RemoteTaskError
from flamepy._calls.function_calls import FunctionCalls, FunctionPacker
from tests.support.cache_server import CacheServer
from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import Adder, Counter, by_value, wait_for_file
from tests.support.same import assert_same
from tests.support.wait import wait_for

SECONDS = 60


def add(a: int, b: int = 10) -> int:
    return a + b


@pytest.fixture
def executor(real: RealCluster) -> Iterator[Executor]:
    by_value(None)  # The executors do not have this module.
    with Executor() as made:
        yield made


@pytest.fixture
def alone(real: RealCluster) -> Iterator[Executor]:
    """An executor of one instance."""
    by_value(None)
    with Executor(max_workers=1) as made:
        yield made


def session_of(executor: Executor) -> str:
    return executor._work.session.id


def is_closed(session_id: str) -> bool:
    return flamepy.get_session(session_id).state.name == "CLOSED"


def test_it_is_an_executor_with_futures_of_values(executor: Executor) -> None:
    assert isinstance(executor, concurrent.futures.Executor)
    future = executor.submit(add, 1, b=2)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(SECONDS) == 3
    assert future.result() is future.result()
    assert (
        repr(executor) == f"Executor(application='flmrun', session='{session_of(executor)}', open)"
    )


def test_many_functions_go_to_one_session(executor: Executor) -> None:
    partials = [functools.partial(lambda n, m: n * m, n) for n in range(20)]
    made = [lambda m, n=n: n + m for n in range(300)]  # More than one instance keeps.
    called: list[Callable[[int], int]] = [*partials, *made, *made[:5]]
    futures = [executor.submit(each, 2) for each in called]
    expected = [*(n * 2 for n in range(20)), *(n + 2 for n in range(300)), *range(2, 7)]
    assert [future.result(SECONDS) for future in futures] == expected
    assert executor.submit(Adder, 4).result(SECONDS).start == 4
    assert executor.submit(sorted, [2, 1]).result(SECONDS) == [1, 2]


def test_values_of_all_kinds_and_sizes_come_back(executor: Executor) -> None:
    values = [None, "x", 2**80, {"a": [1, (2,)]}, Decimal("0.1"), bytes(500_000), {3}, 2j]
    futures = [executor.submit(lambda value: value, value) for value in values]
    for value, future in zip(values, futures, strict=True):
        assert_same(future.result(SECONDS), value)
    table = bytes(2_000_000)
    assert executor.submit(lambda: len(table)).result(SECONDS) == 2_000_000


def test_a_coroutine_is_awaited_and_references_arrive_as_objects(executor: Executor) -> None:
    async def later(n: int, m: int = 0) -> int:
        await asyncio.sleep(0)
        return n + m

    assert executor.submit(later, 1).result(SECONDS) == 1
    assert list(executor.map(later, range(4), chunksize=2)) == [0, 1, 2, 3]
    ref = flamepy.put_object(f"flmrun/{session_of(executor)}", 5)
    assert executor.submit(later, ref, m=ref).result(SECONDS) == 10
    assert list(executor.map(later, [ref, 1], chunksize=2)) == [5, 1]


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_map_takes_generators_and_keeps_the_order(executor: Executor, chunksize: int) -> None:
    results = executor.map(add, (n for n in range(10)), iter(range(7)), chunksize=chunksize)
    assert next(results) == 0
    assert list(results) == [2, 4, 6, 8, 10, 12]
    assert list(executor.map(add, [], chunksize=chunksize)) == []


def test_a_chunk_is_one_task(executor: Executor) -> None:
    assert list(executor.map(add, range(10), chunksize=4)) == list(range(10, 20))
    assert flamepy.get_session(session_of(executor)).succeed == 3


def test_map_raises_the_error_in_its_place(executor: Executor) -> None:
    results = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(RemoteTaskError, match="ZeroDivisionError") as caught:
        next(results)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_map_that_is_given_up_cancels_what_is_pending(alone: Executor, tmp_path: Path) -> None:
    release = tmp_path / "release"
    first = alone.submit(wait_for_file, release)
    wait_for(first.running, "the first to run", SECONDS)
    results = alone.map(add, range(5), timeout=0.1)
    with pytest.raises(TimeoutError):
        next(results)
    release.touch()
    assert first.result(SECONDS) == "release"
    alone.shutdown()
    assert flamepy.get_session(session_of(alone)).succeed == 1


def test_errors_are_those_of_flamepy(executor: Executor) -> None:
    def refuse(text: str) -> None:
        raise KeyError(text)

    future = executor.submit(refuse, "zz")
    with pytest.raises(RemoteTaskError, match="KeyError: 'zz'") as caught:
        future.result(SECONDS)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "in refuse" in caught.value.remote_traceback
    assert "function_calls.py" not in caught.value.remote_traceback
    assert caught.value.task_id == future.task_id
    lock = executor.submit(threading.Lock)
    with pytest.raises(RemoteTaskError, match=r"the result of the call: it is a _thread\.lock"):
        lock.result(SECONDS)


def test_what_cannot_be_sent_is_refused_at_once_and_by_name(executor: Executor) -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"cannot send the function: the variable 'lock' of .*lock"):
        executor.submit(lambda: lock)
    with pytest.raises(TypeError, match=r"cannot send argument 1 of .*lock"):
        executor.submit(add, lock)
    with pytest.raises(TypeError, match=r"cannot send argument 'b' of add\(\): it is a _thread"):
        executor.submit(add, 1, b=lock)
    with pytest.raises(TypeError, match=r"cannot send argument 1 of add\(\): it is a _thread"):
        executor.map(add, [1, lock], chunksize=2)
    for thing, said in ((executor, "make one"), (executor.submit(add, 1), r"its result\(\)")):
        with pytest.raises(TypeError, match=rf"1 of add.*process that made it: .*{said}"):
            executor.submit(add, thing)
    with pytest.raises(TypeError, match="cannot submit a int: expected a function, a class or"):
        executor.submit(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot submit a str"):
        executor.map("add", [1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="chunksize must be >= 1, got 0"):
        executor.map(add, [1], chunksize=0)
    assert executor.submit(add, 1).result(SECONDS) == 11


def test_what_cannot_be_loaded_fails_its_call_alone(executor: Executor) -> None:
    class Odd:
        def __reduce__(self) -> Any:
            return (int, ("no number",))

    with pytest.raises(RemoteTaskError, match="no number"):
        executor.submit(add, Odd()).result(SECONDS)
    with pytest.raises(ValueError, match="no number"):
        executor.submit(Odd).result(SECONDS)
    assert executor.submit(add, 1).result(SECONDS) == 11


def test_bad_arguments_of_the_executor_are_refused(real: RealCluster) -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0, got 0"):
        Executor(max_workers=0)
    with pytest.raises(FlameError, match="nowhere"):
        Executor("nowhere")


def test_a_pending_call_is_cancelled_and_a_running_one_is_not(
    alone: Executor, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    running = alone.submit(wait_for_file, release)
    wait_for(running.running, "the first to run", SECONDS)
    pending = alone.submit(add, 1)
    assert pending.task_id  # It is a task, of which the cluster has to hear.
    assert (running.cancel(), pending.cancel()) == (False, True)
    assert pending.cancelled()
    done, _ = concurrent.futures.wait([running, pending], SECONDS, "FIRST_COMPLETED")
    assert done == {pending}
    release.touch()
    assert next(concurrent.futures.as_completed([running], SECONDS)).result() == "release"
    alone.shutdown()
    assert flamepy.get_session(session_of(alone)).cancelled == 1


def test_shutdown_waits_for_what_is_pending_and_closes_the_session(alone: Executor) -> None:
    futures = [alone.submit(add, n) for n in range(50)]
    alone.shutdown()
    assert all(future.done() for future in futures)
    assert [future.result() for future in futures] == list(range(10, 60))
    assert is_closed(session_of(alone))
    for refused in (lambda: alone.submit(add, 1), lambda: alone.map(add, [1])):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            refused()
    alone.shutdown()


def test_shutdown_cancels_what_is_pending_if_asked_to(alone: Executor, tmp_path: Path) -> None:
    release = tmp_path / "release"
    running = alone.submit(wait_for_file, release)
    wait_for(running.running, "the first to run", SECONDS)
    pending = [alone.submit(add, n) for n in range(20)]
    alone.shutdown(wait=False, cancel_futures=True)
    for future in pending:
        with pytest.raises(CancelledError):
            future.result(SECONDS)
    assert not running.done()
    release.touch()
    assert running.result(SECONDS) == "release"
    wait_for(lambda: is_closed(session_of(alone)), "the end of the session", SECONDS)


def test_shutdown_without_waiting_lets_everything_end(alone: Executor, tmp_path: Path) -> None:
    release = tmp_path / "release"
    futures = [alone.submit(wait_for_file, release) for _ in range(3)]
    alone.shutdown(wait=False)
    assert not any(future.done() for future in futures)
    release.touch()
    assert [future.result(SECONDS) for future in futures] == ["release"] * 3
    wait_for(lambda: is_closed(session_of(alone)), "the end of the session", SECONDS)


def test_an_executor_that_nobody_has_ends_when_its_calls_have(
    real: RealCluster, tmp_path: Path
) -> None:
    by_value(None)
    release = tmp_path / "release"
    executor = Executor()
    session_id = session_of(executor)
    future = executor.submit(wait_for_file, release)
    del executor
    gc.collect()
    release.touch()
    assert future.result(SECONDS) == "release"
    wait_for(lambda: is_closed(session_id), "the end of the session", SECONDS)


def test_it_runs_calls_of_a_loop(executor: Executor) -> None:
    async def all_at_once() -> list[int]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(executor, add, n) for n in range(200)]
        return await asyncio.wait_for(asyncio.gather(*calls), SECONDS)

    assert asyncio.run(all_at_once()) == list(range(10, 210))


def test_threads_submit_at_once_and_callbacks_may_submit(executor: Executor) -> None:
    got: list[int] = []

    def go_on(future: concurrent.futures.Future[int]) -> None:
        got.append(executor.submit(add, future.result()).result(SECONDS))

    def use() -> None:
        for n in range(10):
            executor.submit(add, n).add_done_callback(go_on)

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join(SECONDS)
    wait_for(lambda: len(got) == 40, "the callbacks", SECONDS)
    assert sorted(got) == sorted([*range(20, 30)] * 4)


def test_a_program_that_forgets_its_executor_ends_and_closes_its_session(
    real: RealCluster,
) -> None:
    done = run_program(
        real,
        """
import flamepy
executor = flamepy.Executor()
print(executor._work.session.id)
assert list(executor.map(lambda n: n + 1, range(10))) == list(range(1, 11))
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert is_closed(done.stdout.strip())


def test_a_program_ends_without_waiting_for_calls_which_are_done_nevertheless(
    real: RealCluster, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    done = run_program(
        real,
        f"""
import flamepy
def wait_for_file():
    import pathlib, time
    while not pathlib.Path({str(release)!r}).exists():
        time.sleep(0.01)
executor = flamepy.Executor()
print(executor._work.session.id)
executor.submit(wait_for_file)
executor.shutdown(wait=False)
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    session_id = done.stdout.strip()
    release.touch()
    wait_for(lambda: flamepy.get_session(session_id).succeed == 1, "the call", SECONDS)
    flamepy.close_session(session_id)


def test_a_forked_child_is_refused_and_leaves_the_executor_alone(executor: Executor) -> None:
    assert executor.submit(add, 1).result(SECONDS) == 11
    child = os.fork()
    if child == 0:
        code = 1
        try:
            executor.shutdown()  # It is the parent's: nothing happens.
            with pytest.raises(FlameError, match="was forked from process"):
                executor.submit(add, 1)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert executor.submit(add, 2).result(SECONDS) == 12


def test_functions_are_pickled_once_and_what_can_change_each_time(cache: CacheServer) -> None:
    by_value(None)
    packer = FunctionPacker("flmrun/s")
    counter = Counter()
    assert packer.pack(add) is packer.pack(add)
    assert packer.pack(Counter) is packer.pack(Counter)
    before = packer.pack(counter.add)
    counter.value = 5
    after = packer.pack(counter.add)
    calls = FunctionCalls()
    for packed, expected in ((before, 1), (before, 1), (after, 6), (after, 6)):
        assert calls(*(packed.request((1,), {}).args or ())) == expected
    large = bytes(100_000)
    cache.objects.clear()
    kept = packer.pack(f := lambda: len(large))
    assert packer.pack(f) is kept
    partial = functools.partial(f)
    assert (len(packer.pack(partial).data) > 100_000, len(cache.objects)) == (True, 1)
    assert (len(packer.pack(partial, for_many=True).data) < 300, len(cache.objects)) == (True, 2)
    assert calls(*(kept.request((), {}).args or ())) == 100_000
    cache.objects.clear()
    assert calls(*(kept.request((), {}).args or ())) == 100_000
    with pytest.raises(FlameError, match="flmrun/s/") as caught:
        FunctionCalls()(*(kept.request((), {}).args or ()))
    assert caught.value.code is FlameErrorCode.NOT_FOUND


@pytest.mark.parametrize(("at", "lines"), [(0, 4), (1, 1), (2, 3)])
def test_the_programs_of_the_readme_print_what_they_say(
    real: RealCluster, at: int, lines: int
) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    program = readme.split("```python\n")[at + 1].split("```", 1)[0]
    said = [line.split("  # ", 1)[1] for line in program.splitlines() if "print(" in line]
    done = run_program(real, program)
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", said)
    assert len(said) == lines
