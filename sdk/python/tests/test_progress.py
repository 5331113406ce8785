"""What ``progress=True`` shows."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flamepy
from flamepy import Executor
from flamepy._results.progress import ShownResults, total_of
from flamepy._results.results import Results
from tests.support.programs import SDK
from tests.support.real_cluster import RealCluster


def test_the_total_is_that_of_the_shortest_that_says_one() -> None:
    assert total_of([range(5), [1, 2, 3], (n for n in [1])]) == 3
    assert total_of([iter([1])]) is None


class Given(Results):
    """Results that are there."""

    def __init__(self, results: Iterator[Any]) -> None:
        self._results = results
        self.closed = False

    def __next__(self) -> Any:
        return next(self._results)

    async def __anext__(self) -> Any:
        try:
            return next(self._results)
        except StopIteration:
            raise StopAsyncIteration from None

    def close(self) -> None:
        self.closed = True


async def async_list(results: Results) -> list[Any]:
    return [result async for result in results]


def sync_list(results: Results) -> list[Any]:
    return list(results)


def listed_in_loop(results: Results) -> list[Any]:
    return asyncio.run(async_list(results))


both_loops = pytest.mark.parametrize("listed", [sync_list, listed_in_loop])


@both_loops
def test_tqdm_shows_a_bar(
    capsys: pytest.CaptureFixture[str], listed: Callable[[Results], list[Any]]
) -> None:
    assert listed(ShownResults(Given(iter("abc")), 3)) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err


@both_loops
def test_a_bar_ends_where_its_results_do(
    capsys: pytest.CaptureFixture[str], listed: Callable[[Results], list[Any]]
) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        listed(ShownResults(Given(failing()), None))
    assert "1it" in capsys.readouterr().err


def test_a_bar_ends_when_its_results_are_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    given = Given(iter("abc"))
    shown = ShownResults(given, 3)
    assert next(shown) == "a"
    shown.close()
    assert given.closed
    assert capsys.readouterr().err.endswith("\n")
    dropped = ShownResults(Given(iter("abc")), 3)
    assert next(dropped) == "a"
    del dropped
    assert capsys.readouterr().err.endswith("\n")


LINE = """
import sys, time
sys.modules["tqdm"] = None
from flamepy._results.progress import ShownResults
def slow():
    for n in range(4):
        time.sleep(0.06)
        yield n
assert list(ShownResults(slow(), {total})) == [0, 1, 2, 3]
"""


@pytest.mark.parametrize(("total", "of"), [(4, " of 4"), (None, "")])
def test_without_tqdm_there_is_one_line_at_the_end(total: int | None, of: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LINE.format(total=total)],
        env={"PYTHONPATH": SDK},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(rf"4{of} done, \d\.\d s\n", done.stderr)


def test_on_a_terminal_that_line_grows() -> None:
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-W", "error", "-c", LINE.format(total=4)],
            env={"PYTHONPATH": SDK},
            stderr=theirs,
            check=True,
        )
        text = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    lines = text.split("\r")
    assert [line for line in lines if re.match(r"[23] of 4 done", line)]
    assert re.match(r"4 of 4 done, \d\.\d s", lines[-2]), lines
    assert lines[-1] == "\n"


def test_executors_and_sessions_show_it_when_asked_to(
    real: RealCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with Executor() as executor, flamepy.create_session("flmrun", abs) as session:
        for result in (
            executor.map(abs, [1, -2], progress=True),
            executor.map(abs, [1, -2], chunksize=2, progress=True),
            session.map([1, -2], progress=True),
            session.map([1, -2], chunksize=2, progress=True),
        ):
            assert list(result) == [1, 2]
            assert "2/2" in capsys.readouterr().err
        assert list(session.map([1])) == [1]
        assert capsys.readouterr().err == ""
