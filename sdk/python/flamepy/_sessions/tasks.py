"""The tasks of one handle of a session: on the stream of its connection, or by calls for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from flamepy._client.channel import CALL_SECONDS
from flamepy._model.convert import to_events, to_task
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.timeouts import check_has_deadline
from flamepy._model.types import Event, Task, TaskState
from flamepy._results.form import ResultForm
from flamepy._services.nested_waits import waiting_for
from flamepy._sessions.closing import cancel_pending
from flamepy._sessions.created_future import CreatedFuture
from flamepy._sessions.events import SessionEvents
from flamepy._sessions.futures import TaskFuture
from flamepy._sessions.task_ends import error_of, never_sent, task_of_result
from flamepy._sessions.watch import watch
from flamepy._streams.fault import StreamFault
from flamepy._streams.streamed_future import StreamedFuture
from flamepy._streams.submit_lane import SubmitLane
from flamepy.proto import clients_pb2, frontend_pb2, types_pb2

if TYPE_CHECKING:
    from flamepy._client.connection import Connection

#: What a session manager of ours takes as an input, in bytes. Larger ones go by CreateTask, whose
#: answer says what to do.
_INPUT_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024
#: For what only explains a wait: it must not become a second one.
_LOOK_SECONDS = 2.0


class SessionTasks:
    """Creates tasks of a session and gives their results.

    Attributes:
        session_id: the session.
        trouble: tells why the session does not get on, while somebody waits.

    Args:
        prefix: where objects of the session are kept.
        shared: the session may have tasks of others; those that are made here are noted then.
    """

    def __init__(self, connection: Connection, session_id: str, prefix: str, shared: bool) -> None:
        self._connection = connection
        self.session_id = session_id
        self._prefix = prefix
        self.trouble = SessionEvents(session_id, self._fetch_events)
        #: Ids of tasks made by calls, of a session that others may use as well.
        self._made: list[str] | None = [] if shared else None
        self._lane = SubmitLane(session_id, self.trouble)

    @property
    def made(self) -> list[str] | None:
        """Ids of the tasks that were made here; None: all of the session are ours."""
        if self._made is None:
            return None
        runs = tuple(self._lane.made)
        streamed = [str(first + at) for first, count in runs for at in range(count)]
        return [*self._made, *streamed]

    def create(self, data: bytes, timeout_ms: int | None = None) -> Task:
        """Create a task by a call.

        Args:
            timeout_ms: how long it may take, in milliseconds; None for no limit.

        Raises:
            FlameError: the session manager refused, or did not answer: it may exist then.
        """
        request = frontend_pb2.CreateTaskRequest(
            task=types_pb2.TaskSpec(session_id=self.session_id, input=data, timeout=timeout_ms)
        )
        operation = f"create a task in session {self.session_id!r}"
        reply = self._connection.call(operation, "CreateTask", request, repeatable=False)
        task = to_task(reply)
        if self._made is not None:
            self._made.append(task.id)
        if timeout_ms is not None:
            check_has_deadline(reply)
        return task

    def start(self, data: bytes, form: ResultForm, timeout_ms: int | None = None) -> TaskFuture:
        """Hand an input in, and return the future of its result.

        Args:
            form: what the result is for the caller.
            timeout_ms: how long the task may take, in milliseconds; None for no limit.
        """
        streamed = self._stream(data, form, timeout_ms)
        if streamed is not None:
            return streamed
        task = self.create(data, timeout_ms)
        future = CreatedFuture(self._connection, task)
        self._connection.workers.submit(partial(self._follow, future, task.id, form))
        return future

    def invoke(
        self, data: bytes, form: ResultForm, timeout: float | None, timeout_ms: int | None = None
    ) -> Any:
        """Hand an input in, and wait for its result; see ``Session.invoke``.

        Args:
            form: what the result is for the caller.
            timeout: how long to wait, in seconds; None for no limit.
            timeout_ms: how long the task may take, in milliseconds; None for no limit.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        future = self._stream(data, form, timeout_ms)
        if future is None:
            task = self.create(data, timeout_ms)
            try:
                with waiting_for(self.session_id):
                    done = self.wait(task.id, _left(deadline))
            except TimeoutError:
                raise self._timed_out(task.id, timeout) from None
            return self._result(done, form)
        try:
            return future.result(_left(deadline))
        except TimeoutError:
            if future.done():
                return future.result()
            raise self._timed_out(future.task, timeout) from None

    def _stream(
        self, data: bytes, form: ResultForm, timeout_ms: int | None
    ) -> StreamedFuture | None:
        if len(data) > _INPUT_BYTES_MAX:
            return None
        future = StreamedFuture(self, data, form, timeout_ms)
        return future if self._connection.stream.submit(self._lane, future) else None

    def get(self, task_id: str, seconds: float = CALL_SECONDS) -> Task:
        """Return a task with its events."""
        request = frontend_pb2.GetTaskRequest(task_id=task_id, session_id=self.session_id)
        operation = f"get task {task_id} of session {self.session_id!r}"
        return to_task(self._connection.call(operation, "GetTask", request, seconds=seconds))

    def wait(
        self, task_id: str, timeout: float | None, began: Callable[[], None] | None = None
    ) -> Task:
        """Watch a task to its end.

        Args:
            timeout: in seconds; None for no limit.
            began: called when it is told that the task runs.
        """
        frontend = self._connection.frontend
        with self.trouble:
            for update in watch(frontend, self.session_id, task_id, timeout):
                if update.is_completed():
                    return update
                if began is not None and update.state is TaskState.RUNNING:
                    began()
        raise FlameError(
            FlameErrorCode.INTERNAL,
            f"the watch of task {task_id} of session {self.session_id} just ended",
        )

    def end(self, future: StreamedFuture, end: clients_pb2.Result | Exception) -> None:
        """End a future by what came on the stream; in the thread that reads it."""
        workers = self._connection.workers
        if isinstance(end, Exception):
            future.settle(partial(future.fail, end), workers.submit)
        elif end.elsewhere:
            self._connection.fetches.submit(partial(self._fetch, future))
        elif end.HasField("lost"):
            lost = FlameError(FlameErrorCode.NOT_FOUND, end.lost)
            future.settle(partial(future.fail, lost), workers.submit)
        elif end.state == types_pb2.Succeed:
            output = end.output if end.HasField("output") else None
            self._succeed(future, output)
        elif end.state == types_pb2.Cancelled:
            task = task_of_result(str(future.task), self.session_id, end)
            future.settle(partial(self._end, future, task, future.form), workers.submit)
        else:
            # Loading the original exception may call functions of the user's.
            task = task_of_result(str(future.task), self.session_id, end)
            workers.submit(partial(self._end, future, task, future.form))

    def go_on_by_calls(self, future: StreamedFuture, fault: StreamFault) -> None:
        """There are no streams any more: create what is no task yet, and watch it."""
        if future.task is None and future.doubtful:
            error = fault.unacknowledged(self.session_id)
            future.settle(partial(future.fail, error), self._connection.workers.submit)
        else:
            self._connection.workers.submit(partial(self._create_and_follow, future))

    def cancel_future(self, future: StreamedFuture) -> bool:
        """Cancel the task of a future; False when it is not pending any more."""
        stream = self._connection.stream
        if stream.take_back(future):
            return True
        task = stream.await_task(future, _LOOK_SECONDS)
        return task is not None and cancel_pending(self._connection, self.session_id, str(task))

    def is_running(self, future: StreamedFuture) -> bool:
        """Ask whether the task of a future runs."""
        if future.task is None:
            return False
        return self.get(str(future.task), _LOOK_SECONDS).state is TaskState.RUNNING

    def await_id(self, future: StreamedFuture) -> str:
        """Return the id of the task of a future, once it is known.

        Raises:
            FlameError: no task came of it, or nobody knows.
        """
        task = self._connection.stream.await_task(future, None)
        if task is not None:
            return str(task)
        error = None if future.cancelled() else future.exception()
        raise error or FlameError(FlameErrorCode.NOT_FOUND, str(never_sent(self.session_id)))

    def take_back(self, future: TaskFuture | None = None) -> int:
        """Cancel what was not sent yet, or this one of it; returns how many that were."""
        stream = self._connection.stream
        if future is None:
            taken = stream.take_back_all(self._lane)
        elif isinstance(future, StreamedFuture) and stream.take_back(future):
            taken = [future]
        else:
            taken = []
        for one in taken:
            one.fail(never_sent(self.session_id))
        return len(taken)

    def cancel_futures(self, futures: Iterable[TaskFuture]) -> None:
        """Cancel what does not run yet of some tasks; where the session manager can.

        Raises:
            FlameError: the session manager refused, or did not answer.
        """
        left = [future for future in futures if not (future.done() or self.take_back(future))]
        self.await_settled(_LOOK_SECONDS)
        known = [one for one in left if not isinstance(one, StreamedFuture) or one.task is not None]
        ids = [future.task_id for future in known]
        self._connection.cancel_tasks(self.session_id, ids, pending_only=True)

    def await_settled(self, seconds: float = CALL_SECONDS, unsent: bool = False) -> None:
        """Wait until it is known which tasks came of what was sent, or the time is over.

        Args:
            unsent: have what was not sent yet sent before.
        """
        self._connection.stream.await_settled(self._lane, seconds, unsent)

    def _timed_out(self, known: int | str | None, timeout: float | None) -> TimeoutError:
        """Return the error of a wait that took too long, with what is known of the reasons."""
        trouble = self.trouble.look()
        if known is None:
            what, state = "the task", "not acknowledged by the session manager"
        else:
            what, state = f"task {known}", "in a state that is not known"
            with suppress(FlameError):
                state = self.get(str(known), _LOOK_SECONDS).state.name
        why = (
            f"the session's last trouble was {trouble.message!r} ({trouble.code})"
            if trouble
            else "the session reports no trouble"
        )
        return TimeoutError(
            f"{what} of session {self.session_id} did not end within {timeout:g} s: "
            f"it is {state}, and {why}"
        )

    def _create_and_follow(self, future: StreamedFuture) -> None:
        if future.cancelled():
            return
        try:
            if future.task is None:
                future.task = self.create(future.data or b"", future.timeout_ms).id
                future.data = None
        except Exception as error:
            future.fail(error)
        else:
            self._follow(future, str(future.task), future.form)

    def _follow(self, future: TaskFuture, task_id: str, form: ResultForm) -> None:
        if future.cancelled():
            return
        try:
            task = self.wait(task_id, None, future.began)
        except Exception as error:
            future.fail(error)
        else:
            self._end(future, task, form)

    def _fetch(self, future: StreamedFuture) -> None:
        """Get the task of a result that is too large for the stream."""
        try:
            task = self.get(str(future.task))
        except FlameError as error:
            future.fail(error)
        else:
            self._end(future, task, future.form)
        finally:
            self._connection.stream.fetched()

    def _end(self, future: TaskFuture, task: Task, form: ResultForm) -> None:
        try:
            result = self._result(task, form)
        except Exception as error:  # CancelledError is one.
            future.fail(error)
        else:
            future.succeed(result)

    def _result(self, task: Task, form: ResultForm) -> Any:
        error = error_of(self._with_failure(task), form)
        if error is not None:
            raise error
        return form.read(task.output, self._prefix)

    def _succeed(self, future: StreamedFuture, output: bytes | None) -> None:
        workers = self._connection.workers
        end: Callable[[], None]
        try:
            read = future.form.read_at_once(output, self._prefix)
        except Exception as unreadable:
            end = partial(future.fail, unreadable)
        else:
            if read is None:
                workers.submit(partial(self._read, future, output))
                return
            end = partial(future.succeed, read[0])
        future.settle(end, workers.submit)

    def _read(self, future: StreamedFuture, output: bytes | None) -> None:
        try:
            result = future.form.read(output, self._prefix)
        except Exception as unreadable:
            future.fail(unreadable)
        else:
            future.succeed(result)

    def _with_failure(self, task: Task) -> Task:
        """Return a failed task with its reason, which some servers do not send with a watch."""
        told = any(event.code == TaskState.FAILED for event in task.events)
        if task.state is TaskState.FAILED and not told:
            with suppress(FlameError):
                return self.get(task.id)
        return task

    def _fetch_events(self) -> list[Event]:
        request = frontend_pb2.GetSessionRequest(session_id=self.session_id)
        operation = f"get session {self.session_id!r}"
        reply: Any = self._connection.call(operation, "GetSession", request, seconds=_LOOK_SECONDS)
        return to_events(reply.status.events)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)
