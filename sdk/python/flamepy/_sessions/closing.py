"""How sessions end: what is pending is cancelled, what runs is waited for, or ended as well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flamepy._client.channel import RETRY_FIRST_SECONDS
from flamepy._model.convert import to_task
from flamepy._model.errors import FlameError
from flamepy._model.types import TaskState
from flamepy.proto import frontend_pb2, sessions_pb2

if TYPE_CHECKING:
    from flamepy._client.connection import Connection
    from flamepy._sessions.session import Session

_CLOSE_PAUSE_MAX_SECONDS = 0.5
#: For a cancel that is not to hold anybody up.
_ABANDON_SECONDS = 5.0
_LOOK_SECONDS = 2.0
#: Task ids that one cancel names at most.
_CANCEL_IDS_MAX = 10_000


def await_end(connection: Connection, session_id: str) -> None:
    """Cancel what is pending in a session, as often as it takes until nothing runs."""
    pause = RETRY_FIRST_SECONDS
    while True:
        reply = connection.cancel_tasks(session_id, pending_only=True, close=True)
        if reply is None:
            reply = _close_if_idle(connection, session_id)
        if reply.closed:
            return
        time.sleep(pause)
        pause = min(pause * 2, _CLOSE_PAUSE_MAX_SECONDS)


def _close_if_idle(connection: Connection, session_id: str) -> sessions_pb2.CancelResponse:
    """Do the same where the session manager cannot cancel: there pending tasks run first."""
    try:
        connection.close_session(session_id)
    except FlameError as error:
        if "running tasks" not in error.message:
            raise
        return sessions_pb2.CancelResponse(closed=False)
    return sessions_pb2.CancelResponse(closed=True)


def abandon(connection: Connection, session_id: str, made: list[str] | None) -> Session:
    """Cancel tasks that were started, and close the session if nothing else runs in it.

    Args:
        made: ids of the tasks; None for all of the session.

    Raises:
        FlameError: something goes on running, or the session manager is away.
    """
    if made is None:
        connection.cancel_tasks(session_id, close=True, seconds=_ABANDON_SECONDS)
    else:
        for at in range(0, len(made), _CANCEL_IDS_MAX):
            part = made[at : at + _CANCEL_IDS_MAX]
            connection.cancel_tasks(session_id, part, seconds=_ABANDON_SECONDS)
    return connection.close_session(session_id, seconds=_ABANDON_SECONDS)


def cancel_pending(connection: Connection, session_id: str, task_id: str) -> bool:
    """Cancel a task for its future; False when it is not pending any more."""
    reply = connection.cancel_tasks(session_id, [task_id], pending_only=True, seconds=_LOOK_SECONDS)
    if reply is not None:
        return bool(reply.cancelled == 1)
    # It will run, but nobody has to wait for it.
    request = frontend_pb2.GetTaskRequest(task_id=task_id, session_id=session_id)
    operation = f"get task {task_id} of session {session_id!r}"
    found = to_task(connection.call(operation, "GetTask", request, seconds=_LOOK_SECONDS))
    return found.state is TaskState.PENDING
