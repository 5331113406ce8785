"""The future of a task that was created by a call of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy._sessions.closing import cancel_pending
from flamepy._sessions.futures import TaskFuture

if TYPE_CHECKING:
    from flamepy._client.connection import Connection
    from flamepy._model.types import Task


class CreatedFuture(TaskFuture):
    """A future that a watch of its task ends; the watch tells as well that it runs."""

    def __init__(self, connection: Connection, task: Task) -> None:
        self._connection = connection
        self._task = task
        super().__init__()

    @property
    def task_id(self) -> str:
        """The task that it is the result of."""
        return self._task.id

    def _awaited_session(self) -> str:
        return self._task.session_id

    def _cancel_pending(self) -> bool:
        return cancel_pending(self._connection, self._task.session_id, self._task.id)

    def _is_running(self) -> bool:
        return False
