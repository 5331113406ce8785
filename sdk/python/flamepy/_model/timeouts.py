"""How long a task may take, as a user says it and as it travels."""

from __future__ import annotations

import math

from flamepy._model.errors import FlameError, FlameErrorCode, FlameValueError
from flamepy.proto import types_pb2

#: A year: a date that is taken for a time is beyond it.
_SECONDS_MAX = 365 * 24 * 3600


def milliseconds_of(task_timeout: float | None) -> int | None:
    """Return the time that a task may take as it travels; None for no limit.

    Args:
        task_timeout: in seconds; None for no limit.

    Raises:
        FlameValueError: it is no time that a task can have.
    """
    if task_timeout is None:
        return None
    is_number = isinstance(task_timeout, (int, float)) and not isinstance(task_timeout, bool)
    if not is_number or not 0 < task_timeout <= _SECONDS_MAX:
        raise FlameValueError(
            f"task_timeout is {task_timeout!r}: expected seconds, more than 0 and at most "
            f"{_SECONDS_MAX} (a year); leave it out for a task without a deadline"
        )
    return math.ceil(task_timeout * 1000)


def check_has_deadline(created: types_pb2.Task) -> None:
    """Check that the session manager gave a new task the deadline that it was asked for.

    Raises:
        FlameError: INVALID_STATE, since it knows of no deadlines.
    """
    if not created.status.HasField("deadline"):
        raise FlameError(
            FlameErrorCode.INVALID_STATE,
            f"task {created.metadata.id} of session {created.spec.session_id!r} was created "
            "without a deadline, as this session manager knows none: leave task_timeout out, and "
            "wait for the task or cancel it",
        )
