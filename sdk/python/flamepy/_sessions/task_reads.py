"""Looking at the tasks of a session: one, all of them, or one until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flamepy._client.channel import named_metadata
from flamepy._model.types import Task, TaskState
from flamepy._sessions.task_list import TaskIterator
from flamepy._sessions.watch import TaskWatcher, watch
from flamepy.proto import frontend_pb2

if TYPE_CHECKING:
    from flamepy._model.listing import Listing
    from flamepy._sessions.session import Session
    from flamepy._sessions.task_values import TaskValues


class TaskReads:
    """What a session has for looking at its tasks."""

    def get_task(self, task_id: str) -> Task:
        """Return a task with its events.

        Raises:
            FlameError: NOT_FOUND.
        """
        return cast("Session", self)._tasks.get(task_id)

    def list_tasks(self) -> TaskIterator:
        """Iterate over all tasks of the session."""
        session = cast("Session", self)
        request = frontend_pb2.ListTaskRequest(session_id=session.id)
        stream = session.connection.frontend.ListTask(request, metadata=named_metadata())
        return TaskIterator(stream, session.id)

    def tasks(self, state: TaskState | str | None = None) -> Listing[TaskValues]:
        """Return the tasks of the session, with what they called and gave as Python values.

        Shown in a notebook it is a table. ``task.call`` and ``task.value`` are the values.

        Args:
            state: a state or its name, such as ``failed``; None for all.

        Raises:
            ValueError: there is no such state.
            FlameError: the session manager refuses or does not answer.
        """
        from flamepy._sessions.task_values import state_named, tasks_listed  # Few need it.

        wanted = state_named(state)
        return tasks_listed(self.list_tasks(), wanted, cast("Session", self).object_prefix)

    def watch_task(self, task_id: str, timeout: float | None = None) -> TaskWatcher:
        """Watch a task until it ends; a restart of the session manager does not end the watch.

        Args:
            timeout: seconds until a final state must be reached; None for no limit.
        """
        session = cast("Session", self)
        return TaskWatcher(watch(session.connection.frontend, session.id, task_id, timeout))
