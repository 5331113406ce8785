"""Sessions: creating tasks, waiting for them, closing."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, overload

from flamepy._calls.requests import RunnerRequest, bound_request, encode_request
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.stays_here import StaysHere
from flamepy._model.timeouts import milliseconds_of
from flamepy._model.types import Event, SessionState, Task
from flamepy._names.public import public
from flamepy._objects.objects import ObjectRef
from flamepy._results.form import ResultForm
from flamepy._sessions.closing import abandon, await_end
from flamepy._sessions.context_calls import ContextCalls
from flamepy._sessions.frame_readers import services_read_frames
from flamepy._sessions.futures import TaskFuture
from flamepy._sessions.prefixes import remember
from flamepy._sessions.task_reads import TaskReads
from flamepy._sessions.tasks import SessionTasks

if TYPE_CHECKING:
    from flamepy._client.connection import Connection
    from flamepy._logs.stream import FollowedLogs

#: For what is on its way when an exception leaves the block of a session.
_ABANDON_SECONDS = 2.0


@public("flamepy.core.client")
class Session(ContextCalls, TaskReads, StaysHere):
    """An open or closed session; made by ``create_session`` and ``open_session``.

    As a context manager it is closed at the end: pending tasks are cancelled and running ones
    waited for. An exception that leaves the block cancels what was started, running tasks too,
    and is not held up: all tasks of a session that was created here, of one that was only opened
    those that were created through this object. That one stays open while tasks of others run.
    As an asynchronous one (``async with``) it lets the loop go on meanwhile.

    Attributes:
        connection: the connection it was made with.
        id: its id.
        application: name of its application.
        state: open or closed, when this object was made.
        creation_time: in UTC.
        pending: number of its pending tasks then; likewise running, succeed, failed, cancelled.
        completion_time: when it was closed, in UTC; None while open.
        events: what happened to it.
    """

    _in_its_place = "send its id, and open it there with flamepy.open_session(id)"
    #: Where what its tasks print goes, if somebody wants it.
    _logs: FollowedLogs | None = None

    def __init__(
        self,
        connection: Connection,
        id: str,
        application: str,
        state: SessionState,
        creation_time: datetime,
        pending: int = 0,
        running: int = 0,
        succeed: int = 0,
        failed: int = 0,
        completion_time: datetime | None = None,
        common_data: bytes | None = None,
        events: list[Event] | None = None,
        cancelled: int = 0,
        _created: bool = False,
    ) -> None:
        self.connection = connection
        self.id = id
        self.application = application
        self.state = state
        self.creation_time = creation_time
        self.pending = pending
        self.running = running
        self.succeed = succeed
        self.failed = failed
        self.cancelled = cancelled
        self.completion_time = completion_time
        self.events = events or []
        self._common_data = common_data
        self._closing = False
        self._tasks = SessionTasks(connection, id, self.object_prefix, shared=not _created)
        remember(self)

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, application={self.application!r}, state={self.state.name})"

    def _repr_html_(self) -> str:
        from flamepy._model.html import record, text_of_events  # Few need it.
        from flamepy._model.listing import SESSIONS

        cells = zip(SESSIONS.head, SESSIONS.row(self), strict=True)
        return record(f"Session {self.id}", [*cells][1:], text_of_events(self.events))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self.close()
        except KeyboardInterrupt:  # Who waits for what runs, and no longer.
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Cancel what was started and close the session, for whoever is not to wait.

        Nothing is raised that would hide the exception which is the reason.
        """
        with suppress(FlameError):
            self._closing = True
            self._tasks.take_back()
            self._tasks.await_settled(_ABANDON_SECONDS)
            self._note_closed(abandon(self.connection, self.id, self._tasks.made))
        if self._logs is not None:  # It could not be closed, and is left all the same.
            self._logs.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: Any) -> None:
        from flamepy._results.event_loops import left  # Few need it.

        await left(self.__exit__, *reason)

    @property
    def object_prefix(self) -> str:
        """``<application>/<session>``: where objects of this session are kept."""
        return f"{self.application}/{self.id}"

    def common_data(self) -> bytes | None:
        """Return the bytes that the session was created with; None without any."""
        return self._common_data

    def request(self, method: str | None = None) -> RunnerRequest:
        """Return an empty request for ``method`` on which ``set_object(obj)`` can be called."""
        return bound_request(self, method)

    def create_task(
        self, input_data: bytes | RunnerRequest, *, task_timeout: float | None = None
    ) -> Task:
        """Create a task.

        A task whose creation was not confirmed, because the connection broke at the wrong moment,
        is reported as an error and not created again: it may exist.

        Args:
            input_data: bytes, as the application defines them, or a request for flmrun.
            task_timeout: as for ``run``.

        Raises:
            FlameError: INVALID_ARGUMENT for another input, or the session is closed or gone.
        """
        timeout_ms = milliseconds_of(task_timeout)
        return self._tasks.create(self._input(input_data), timeout_ms)

    def _input(self, input_data: bytes | RunnerRequest) -> bytes:
        if isinstance(input_data, RunnerRequest):
            data = self._encoded(input_data)
        elif isinstance(input_data, bytes):
            data = input_data
        else:
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"input of a task in session {self.id} is a {type(input_data).__name__}: "
                "expected a RunnerRequest or bytes",
            )
        self._refuse_closed()
        return data

    def _encoded(self, request: RunnerRequest) -> bytes:
        if self._reads_frames:
            return encode_request(request, self.object_prefix)
        from flamepy._calls.published_frame import encode_published_request  # Few need it.

        return encode_published_request(request, self.object_prefix)

    @cached_property
    def _reads_frames(self) -> bool:
        return services_read_frames(self._common_data, self.connection.reads_frames)

    def _refuse_closed(self) -> None:
        if self._closing:
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"failed to create a task in session {self.id!r}: a closed session takes no tasks",
            )

    @overload
    def invoke(
        self,
        input_data: RunnerRequest,
        timeout: float | None = None,
        *,
        task_timeout: float | None = None,
    ) -> ObjectRef: ...

    @overload
    def invoke(
        self,
        input_data: bytes,
        timeout: float | None = None,
        *,
        task_timeout: float | None = None,
    ) -> bytes | None: ...

    def invoke(
        self,
        input_data: bytes | RunnerRequest,
        timeout: float | None = None,
        *,
        task_timeout: float | None = None,
    ) -> ObjectRef | bytes | None:
        """Create a task and wait for its result.

        While it waits, troubles of the session (such as a package that cannot be installed) are
        logged as warnings of the logger ``flamepy``.

        Args:
            input_data: a request, which gives a reference with ``get()``, or bytes, which give
                bytes, or None when the task gave no output.
            timeout: seconds to wait; None for no limit. The task itself goes on.
            task_timeout: as for ``run``: the task itself is ended.

        Raises:
            RemoteTaskError: the task failed; the original exception is its cause.
            TimeoutError: the time is over; the text quotes the session's last trouble.
            CancelledError: the task was cancelled, or the session closed before it ran.
            FlameError: the task could not be created or watched.
        """
        timeout_ms = milliseconds_of(task_timeout)
        data = self._input(input_data)
        form = ResultForm.of_input(isinstance(input_data, RunnerRequest))
        return self._tasks.invoke(data, form, timeout, timeout_ms)  # type: ignore[no-any-return]

    def run(
        self, input_data: bytes | RunnerRequest, *, task_timeout: float | None = None
    ) -> TaskFuture:
        """Submit a task and return a future of its result, which is what ``invoke`` returns.

        It leaves at once, or together with others while some leave. A session manager that
        restarts meanwhile makes one task of it. That no task came of it, for example because the
        session is closed, is an error of the future. ``cancel()`` of the future cancels a task that
        is pending, and is False for one that runs; ``Session.cancel`` ends that one as well.

        With a session manager without ``flame.stream.v1`` the task exists when this returns.

        Args:
            input_data: as for ``invoke``.
            task_timeout: seconds that the task may take from when the session manager has it:
                waiting, all attempts and restarts included; None for no limit. Then it has failed,
                with a RemoteTaskError that says so, and if it ran its service is ended.

        Raises:
            ValueError: ``task_timeout`` is no time that a task can have.
        """
        timeout_ms = milliseconds_of(task_timeout)
        data = self._input(input_data)
        form = ResultForm.of_input(isinstance(input_data, RunnerRequest))
        return self._tasks.start(data, form, timeout_ms)

    def _run_for_value(self, request: RunnerRequest, timeout_ms: int | None = None) -> TaskFuture:
        """Submit a task as ``run`` does; its future has the value itself, and no reference."""
        return self._tasks.start(self._input(request), ResultForm.VALUE, timeout_ms)

    def _cancel_pending(self) -> None:
        """Cancel every task that does not run yet; where the session manager can."""
        self._tasks.take_back()
        self._tasks.await_settled()
        self.connection.cancel_tasks(self.id, pending_only=True)

    def _cancel_quietly(self, futures: list[TaskFuture]) -> None:
        """Cancel what does not run yet of some tasks, if that can be done."""
        with suppress(FlameError):
            self._tasks.cancel_futures(futures)

    def cancel(self, task: Task | TaskFuture | str | None = None) -> int:
        """Cancel one task, or every one of the session that has not ended.

        A pending task never runs. A running one fails at once, and its service is ended; on a
        node of another make its service goes on until it returns. Who waits for the task gets a
        CancelledError.

        Args:
            task: a task, the future of one, or the id of one; None for all.

        Returns:
            How many tasks were cancelled: those that had ended stay as they are.

        Raises:
            FlameError: NOT_FOUND, or INVALID_STATE when the session manager cannot cancel.
        """
        taken_back = 0
        ids = None
        if isinstance(task, TaskFuture) and self._tasks.take_back(task):
            return 1
        if task is None:
            taken_back = self._tasks.take_back()
            self._tasks.await_settled()
        else:
            named = task.task_id if isinstance(task, TaskFuture) else task
            ids = [named if isinstance(named, str) else named.id]
        reply = self.connection.cancel_tasks(self.id, ids)
        if reply is None:
            raise FlameError(
                FlameErrorCode.INVALID_STATE,
                f"failed to cancel tasks of session {self.id!r}: this session manager cannot "
                "cancel tasks; wait until they have ended",
            )
        return int(taken_back + reply.cancelled + reply.ended)

    def close(self, wait: bool = True) -> None:
        """Close the session: pending tasks are cancelled, and this object takes no more.

        Args:
            wait: a session cannot be closed while tasks run. True cancels what is pending and
                waits for what runs to end; ``cancel()`` before ends that as well. False raises
                FlameError when something runs, and the session stays as it is.

        Raises:
            FlameError: tasks run and ``wait`` is False, or the session is unknown.
        """
        self._closing = True
        try:
            if wait:
                self._tasks.take_back()
            self._tasks.await_settled(unsent=True)
            if wait:
                await_end(self.connection, self.id)
            closed = self.connection.close_session(self.id)
        except BaseException:
            self._closing = False
            raise
        self._note_closed(closed)

    def _note_closed(self, closed: Session) -> None:
        self.state, self.completion_time = closed.state, closed.completion_time
        if self._logs is not None:
            self._logs.end()
