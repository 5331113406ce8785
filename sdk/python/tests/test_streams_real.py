"""Tasks by a stream, against a session manager and services as they are."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from concurrent.futures import CancelledError, as_completed
from concurrent.futures import wait as wait_all
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, RemoteTaskError, RunnerContext, RunnerRequest, SessionAttributes
from tests.support.programs import run_program
from tests.support.real_cluster import RealCluster
from tests.support.wait import wait_for

#: For what real processes have to do on a machine that has other work as well.
SECONDS = 60


def work(milliseconds: int = 0) -> bytes:
    """The input of a task of flmping that takes so long."""
    return json.dumps({"duration": milliseconds, "memory": None}).encode()


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_many_futures_are_ended_by_one_thread(real: RealCluster) -> None:
    with flamepy.create_session("flmping") as session:
        before = threads("flamepy-watch")  # Of a test before this one.
        futures = [session.run(work()) for _ in range(2_000)]
        assert threads("flamepy-tasks") == 1
        assert all(future.result(SECONDS) is not None for future in futures)
        assert threads("flamepy-watch") <= before
        assert len({future.task_id for future in futures}) == 2_000
        task = session.get_task(futures[7].task_id)
        assert (task.state.name, task.input) == ("SUCCEED", work())
    assert flamepy.get_session(session.id).succeed == 2_000


def test_each_submit_is_one_task_across_kill_9_of_the_session_manager(real: RealCluster) -> None:
    session = flamepy.create_session("flmping")
    futures = [session.run(work()) for _ in range(3_000)]
    # In the middle of the submits, and in the middle of the results.
    for reached in (1, 500):

        def are_there(count: int = reached) -> bool:
            return sum(one.done() for one in futures) >= count

        wait_for(are_there, "results", SECONDS)
        real.kill_session_manager()
        real.start_session_manager()
    for future in futures:
        assert future.result(SECONDS) is not None
    assert len({future.task_id for future in futures}) == 3_000
    session.close()
    closed = flamepy.get_session(session.id)
    assert (closed.succeed, closed.failed, closed.cancelled) == (3_000, 0, 0)


def test_threads_and_sessions_share_one_stream(real: RealCluster) -> None:
    sessions = [flamepy.create_session("flmping") for _ in range(4)]
    failures: list[BaseException] = []

    def use(session: flamepy.Session) -> None:
        try:
            for _ in range(25):
                assert session.invoke(work()) is not None
        except BaseException as failure:
            failures.append(failure)

    users = [threading.Thread(target=use, args=(session,)) for session in sessions * 2]
    for user in users:
        user.start()
    for user in users:
        user.join(SECONDS)
    assert (failures, threads("flamepy-tasks")) == ([], 1)
    for session in sessions:
        session.close()
        assert flamepy.get_session(session.id).succeed == 50


def test_results_small_large_and_failed_come_as_they_are(real: RealCluster) -> None:
    def answer(size: int) -> bytes:
        if size < 0:
            raise ValueError(f"{size} is too small")
        return bytes(size)

    context = RunnerContext(execution_object=answer)
    with flamepy.create_session("flmrun", context) as session:
        sizes = [0, 1_000, 60_000, 150_000, 500_000]
        futures = [session.run(RunnerRequest(args=(size,))) for size in sizes]
        assert [future.result(SECONDS).get() for future in futures] == [
            bytes(size) for size in sizes
        ]
        assert session.invoke(RunnerRequest(args=(3,))).get() == bytes(3)
        failed = session.run(RunnerRequest(args=(-1,)))
        with pytest.raises(RemoteTaskError, match="-1 is too small") as caught:
            failed.result(SECONDS)
        assert isinstance(caught.value.__cause__, ValueError)
        assert caught.value.task_id == failed.task_id


def test_an_input_that_is_too_large_is_refused_with_what_to_do(real: RealCluster) -> None:
    with flamepy.create_session("flmping") as session:
        with pytest.raises(FlameError, match="put the object into the cache"):
            session.run(bytes(5_000_000))
        assert session.invoke(work()) is not None


def test_a_future_cancels_what_is_pending_and_tells_what_runs(real: RealCluster) -> None:
    with flamepy.connect(real.endpoint) as connection:
        session = connection.create_session(SessionAttributes("flmping", max_instances=1))
        running = session.run(work(600_000))
        wait_for(running.running, "the first to run", SECONDS)
        pending = [session.run(work()) for _ in range(3)]
        assert pending[0].task_id
        assert not pending[0].running()
        assert pending[0].cancel()
        assert pending[0].cancelled()
        assert next(as_completed([pending[0]], SECONDS)) is pending[0]
        assert not running.cancel()
        assert session.cancel(running) == 1
        with pytest.raises(CancelledError, match="cancelled by"):
            running.result(SECONDS)
        assert pending[1].result(SECONDS) is not None
        assert pending[2].result(SECONDS) is not None
        session.close()


def test_closing_cancels_what_is_pending(real: RealCluster) -> None:
    session = flamepy.create_session("flmping", max_instances=1)
    running = session.run(work(2_000))
    wait_for(running.running, "the first to run", SECONDS)
    pending = [session.run(work()) for _ in range(500)]
    session.close()
    assert running.result(SECONDS) is not None
    for future in pending:
        with pytest.raises(CancelledError):
            future.result(SECONDS)
    with pytest.raises(FlameError, match="a closed session takes no tasks"):
        session.run(work())


def test_an_exception_out_of_the_block_cancels_all_that_was_started(real: RealCluster) -> None:
    futures = []
    with pytest.raises(KeyError), flamepy.create_session("flmping", max_instances=1) as session:
        futures = [session.run(work(600_000)) for _ in range(300)]
        wait_for(futures[0].running, "the first to run", SECONDS)
        raise KeyError
    for future in futures:
        with pytest.raises((CancelledError, FlameError)):
            future.result(SECONDS)
    assert flamepy.get_session(session.id).state.name == "CLOSED"


def test_a_session_that_another_client_closed_says_so(real: RealCluster) -> None:
    session = flamepy.create_session("flmping")
    assert session.invoke(work()) is not None
    with flamepy.connect(real.endpoint) as other:
        other.close_session(session.id)
    with pytest.raises(FlameError, match=r"failed to create a task.*closed"):
        session.run(work()).result(SECONDS)
    with pytest.raises(FlameError, match=r"failed to create a task.*closed"):
        session.invoke(work())


def test_futures_can_be_awaited_in_a_loop(real: RealCluster) -> None:
    async def all_at_once(session: flamepy.Session) -> list[Any]:
        calls = [asyncio.wrap_future(session.run(work())) for _ in range(300)]
        return await asyncio.wait_for(asyncio.gather(*calls), SECONDS)

    with flamepy.create_session("flmping") as session:
        before = threads("flamepy-watch")
        assert all(answer is not None for answer in asyncio.run(all_at_once(session)))
        assert threads("flamepy-watch") <= before


def test_callbacks_may_wait_for_other_tasks(real: RealCluster) -> None:
    with flamepy.create_session("flmping") as session:
        got: list[Any] = []
        futures = [session.run(work()) for _ in range(20)]
        for future in futures:
            future.add_done_callback(lambda _: got.append(session.invoke(work())))
        wait_all(futures, SECONDS)
        wait_for(lambda: len(got) == 20, "the callbacks", SECONDS)


def test_a_connection_that_is_dropped_leaves_no_thread(
    real: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flamepy._streams.client_stream._IDLE_SECONDS", 0.1)
    connection = flamepy.connect(real.endpoint)
    session = connection.create_session(SessionAttributes("flmping"))
    assert session.invoke(work()) is not None
    session.close()
    dropped = weakref.ref(connection.stream)
    del connection, session
    wait_for(lambda: threads("flamepy-tasks") == 0, "the end of the reader", SECONDS)

    def is_gone() -> bool:
        gc.collect()
        return dropped() is None

    wait_for(is_gone, "the end of the stream", SECONDS)


def test_a_program_ends_without_waiting_for_its_futures(real: RealCluster) -> None:
    done = run_program(
        real,
        """
import flamepy
session = flamepy.create_session("flmping", session_id="abandoned")
session.invoke(b"{}")
futures = [session.run(b'{"duration": 600000, "memory": null}') for _ in range(50)]
print("end")
session.run(b"{}")
""",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
    # The node is for other tests.
    session = flamepy.open_session("abandoned")
    assert session.cancel() == 51
    session.close()


def test_what_a_program_has_handed_in_is_done_after_its_end(real: RealCluster) -> None:
    done = run_program(
        real,
        """
import flamepy
session = flamepy.create_session("flmping", session_id="left-behind")
for _ in range(3_000):
    session.run(b"{}")
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    with flamepy.connect(real.endpoint) as connection:
        session = connection.open_session("left-behind")
        wait_for(
            lambda: connection.get_session(session.id).succeed == 3_000, "3,000 tasks", SECONDS
        )
        for _ in range(50):
            session.run(work())
    session = flamepy.open_session("left-behind")
    wait_for(lambda: flamepy.get_session(session.id).succeed == 3_050, "50 more", SECONDS)
    session.close()


def test_what_is_handed_in_last_is_done_though_the_stream_had_come_to_rest(
    real: RealCluster,
) -> None:
    done = run_program(
        real,
        """
import flamepy, flamepy._streams.client_stream, threading, time
flamepy._streams.client_stream._IDLE_SECONDS = 0.1
session = flamepy.create_session("flmping", session_id="rested")
session.invoke(b"{}")
while any(thread.name == "flamepy-tasks" for thread in threading.enumerate()):
    time.sleep(0.01)
session.run(b"{}")
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_for(lambda: flamepy.get_session("rested").succeed == 2, "the last task", SECONDS)
    flamepy.open_session("rested").close()


def test_ctrl_c_ends_a_wait_at_once(real: RealCluster) -> None:
    done = run_program(
        real,
        """
import concurrent.futures, flamepy, os, signal, threading
session = flamepy.create_session("flmping")
future = session.run(b'{"duration": 60000, "memory": null}')
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    future.result()
except KeyboardInterrupt:
    print("interrupted")
print(session.cancel())
try:
    future.result()
except concurrent.futures.CancelledError:
    print("cancelled")
session.close()
""",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "interrupted\n1\ncancelled\n"
