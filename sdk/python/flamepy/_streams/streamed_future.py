"""What is handed in on a stream, and who hears of its end: the same thing, made for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy._results.form import ResultForm
from flamepy._sessions.futures import TaskFuture

if TYPE_CHECKING:
    from flamepy._sessions.tasks import SessionTasks


class StreamedFuture(TaskFuture):
    """The future of a task that is created by a stream. Its stream's lock guards its attributes.

    Attributes:
        tasks: the tasks of its session.
        data: the input, as long as it may have to be sent; None when it is a task.
        form: what its result is for the caller.
        timeout_ms: how long the task may take, in milliseconds; None for no limit.
        number: its number in its lane; 0 while it was not sent, or is to be sent again.
        task: the id of the task that it has become; None before.
        doubtful: it was sent on a stream that is gone, so it may be a task.
        probing: whoever made it waits to hear whether there are streams at all.
        taken_back: it is not to be sent.
    """

    def __init__(
        self, tasks: SessionTasks, data: bytes, form: ResultForm, timeout_ms: int | None = None
    ) -> None:
        self.tasks = tasks
        super().__init__()
        self.data: bytes | None = data
        self.form = form
        self.timeout_ms = timeout_ms
        self.number = 0
        self.task: int | str | None = None
        self.doubtful = False
        self.probing = False
        self.taken_back = False

    @property
    def task_id(self) -> str:
        """The task that it is the result of; waits until the session manager has created it.

        Raises:
            FlameError: no task came of it, or nobody knows.
        """
        task = self.task
        return str(self.tasks.await_id(self) if task is None else task)

    def _awaited_session(self) -> str:
        return self.tasks.session_id

    def _cancel_pending(self) -> bool:
        return self.tasks.cancel_future(self)

    def _is_running(self) -> bool:
        return self.tasks.is_running(self)
