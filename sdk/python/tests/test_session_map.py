"""``map`` of sessions, against a cluster as it is."""

from __future__ import annotations

import gc
import itertools
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import flamepy
from flamepy import ObjectSession, RemoteTaskError, ResultRef, TaskFuture
from flamepy._results.map_results import MapResults
from flamepy._values.envelope import PYTHON
from tests.support.runpy_client import wait_for_file
from tests.support.wait import wait_for

SECONDS = 60
MIB = 1024 * 1024

Make = Callable[..., ObjectSession]


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_map_takes_any_iterables_and_keeps_the_order(make_session: Make, chunksize: int) -> None:
    session = make_session(lambda a, b=1: a * b)
    results = session.map((n for n in range(10)), iter(range(7)), chunksize=chunksize)
    assert next(results) == 0
    assert list(results) == [1, 4, 9, 16, 25, 36]
    assert list(session.map([], chunksize=chunksize)) == []


def test_a_chunk_is_one_task(make_session: Make) -> None:
    session = make_session(abs)
    assert list(session.map(range(10), chunksize=4)) == list(range(10))
    assert flamepy.get_session(session.id).succeed == 3


def test_map_of_endless_iterables_takes_no_more_than_it_needs(make_session: Make) -> None:
    session = make_session(abs)
    taken = iter(range(20_000))
    results = session.map(taken)
    assert list(itertools.islice(results, 1500)) == list(range(1500))
    assert next(taken) < 1500 + 1100
    assert list(itertools.islice(session.map(itertools.repeat(2), chunksize=10), 25)) == [2] * 25


def test_map_is_ahead_of_its_reader_by_as_many_bytes_as_memory_allows() -> None:
    futures: list[TaskFuture] = []

    def start(data: bytes) -> TaskFuture:
        futures.append(TaskFuture())
        return futures[-1]

    cancelled: list[TaskFuture] = []
    results = MapResults((bytes(30 * MIB) for _ in range(9)), start, cancelled.extend, None)
    assert len(futures) == 3
    futures[0].succeed(ResultRef(pickle.dumps("first"), PYTHON, "a/b"))
    assert next(results) == "first"
    assert len(futures) == 4
    del results
    gc.collect()
    wait_for(lambda: cancelled == futures[1:], "the cancels", SECONDS)


def test_map_takes_no_input_while_the_next_result_is_there() -> None:
    def start(data: bytes) -> TaskFuture:
        future = TaskFuture()
        future.succeed(ResultRef(pickle.dumps(data), PYTHON, "a/b"))
        return future

    inputs = iter([b"0", b"1", b"2"])
    results = MapResults(inputs, start, lambda _: None, None)
    assert next(inputs) == b"1"
    assert list(results) == [b"0", b"2"]


def test_map_raises_what_fails_in_its_place(make_session: Make) -> None:
    def inputs() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("no third")

    session = make_session(divmod)
    results = session.map([1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(RemoteTaskError, match="ZeroDivisionError"):
        next(results)
    assert list(results) == []
    results = session.map(inputs(), itertools.repeat(2))
    assert [next(results), next(results)] == [(0, 1), (1, 0)]
    with pytest.raises(KeyError, match="no third"):
        next(results)
    assert list(results) == []


def test_bad_arguments_of_map_are_refused_at_once(make_session: Make) -> None:
    session = make_session(abs)
    with pytest.raises(TypeError, match="at least one iterable"):
        session.map()
    with pytest.raises(ValueError, match="chunksize must be >= 1, got 0"):
        session.map([1], chunksize=0)
    with pytest.raises(ValueError, match="task_timeout"):
        session.map([1], task_timeout=-1)
    with pytest.raises(TypeError, match="int"):
        session.map(1)  # type: ignore[arg-type]


def test_map_that_is_given_up_cancels_what_is_pending(make_session: Make, tmp_path: Path) -> None:
    session = make_session(wait_for_file, max_instances=1)
    release = tmp_path / "release"
    first = session.submit(release)
    wait_for(first.running, "the first to run", SECONDS)
    results = session.map([release] * 50)
    assert isinstance(results, MapResults)
    second = results._ahead[0]
    assert second.task_id  # It is a task, of which the cluster has to hear.
    del results
    gc.collect()
    wait_for(lambda: flamepy.get_session(session.id).pending == 0, "the cancels", SECONDS)
    with pytest.raises(CancelledError):
        second.result(SECONDS)
    with pytest.raises(TimeoutError):
        next(session.map([release] * 3, timeout=0.1))
    release.touch()
    assert first.result(SECONDS) == "release"
    wait_for(lambda: flamepy.get_session(session.id).pending == 0, "the cancels", SECONDS)
    assert flamepy.get_session(session.id).succeed == 1
