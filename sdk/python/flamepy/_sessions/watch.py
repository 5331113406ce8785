"""Watching a task to its end, through broken streams and restarts of the session manager."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import grpc

from flamepy._client.channel import (
    AWAY_SECONDS,
    RETRY_FIRST_SECONDS,
    RETRY_MAX_SECONDS,
    broke_off,
    named_metadata,
    retry_delay,
    to_flame_error,
)
from flamepy._model.convert import to_task
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import Task
from flamepy._names.public import public
from flamepy.proto import frontend_pb2

#: How long a server may take to end the stream after a final state.
_END_SECONDS = 1.0

_log = logging.getLogger("flamepy")


@public("flamepy.core.client")
class TaskWatcher:
    """Iterates over the states of a task, last the final one.

    Args:
        stream: the states, as ``Session.watch_task`` gets them.
        timeout: seconds after which no further state is given; None for no limit. The stream may
            have a limit of its own.

    Raises:
        TimeoutError: while iterating, when the time is over before the final state.
        FlameError: while iterating, when there is no such task.
    """

    def __init__(self, stream: Iterator[Task], timeout: float | None = None) -> None:
        self._stream = stream
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def __iter__(self) -> TaskWatcher:
        return self

    def __next__(self) -> Task:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise TimeoutError(f"the task did not end within {self._timeout:g} s")
        return next(self._stream)


def watch(frontend: Any, session_id: str, task_id: str, timeout: float | None) -> Iterator[Task]:
    """Yield the task each time its state changed, last in a final state.

    Args:
        frontend: stub of the Frontend service.
        timeout: seconds until a final state must be reached; None for no limit.

    Raises:
        TimeoutError: the time is over.
        FlameError: there is no such task, or the session manager is away for too long.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    request = frontend_pb2.WatchTaskRequest(task_id=task_id, session_id=session_id)
    away = _Away(session_id, task_id)
    state = None
    while True:
        asked = 0.0
        stream = _open(frontend, request, _left(deadline))
        try:
            for message in stream:
                away.ended()
                task = to_task(message)
                if task.state is not state:  # A watch that was opened again repeats itself.
                    state = task.state
                    if task.is_completed():
                        _read_to_end(stream)
                    yield task
                if task.is_completed():
                    return
            # The stream ended without a final state: ask once, then watch again.
            task = _get(frontend, session_id, task_id, deadline)
            if task.is_completed():
                yield task
                return
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and deadline is not None:
                raise _timed_out(session_id, task_id, timeout) from None
            asked = retry_delay(error) or 0.0
            if not asked and not broke_off(error):
                raise to_flame_error(error, f"watch task {task_id} of {session_id}") from error
            away.began(error)
        finally:
            stream.cancel()
        pause = max(away.pause(), asked)
        if deadline is not None and time.monotonic() + pause >= deadline:
            raise _timed_out(session_id, task_id, timeout)
        time.sleep(pause)


def _open(frontend: Any, request: frontend_pb2.WatchTaskRequest, timeout: float | None) -> Any:
    try:
        return frontend.WatchTask(request, timeout=timeout, metadata=named_metadata())
    except ValueError as error:  # What gRPC raises for a closed channel.
        raise FlameError(
            FlameErrorCode.INVALID_STATE,
            f"cannot watch task {request.task_id} of session {request.session_id}: "
            "the connection is closed",
        ) from error


def _read_to_end(stream: Any) -> None:
    # The server ends the stream with the final state. A client that resets thousands of streams
    # instead may be cut off.
    with contextlib.suppress(grpc.FutureTimeoutError, grpc.FutureCancelledError):
        stream.exception(timeout=_END_SECONDS)


def _get(frontend: Any, session_id: str, task_id: str, deadline: float | None) -> Task:
    request = frontend_pb2.GetTaskRequest(task_id=task_id, session_id=session_id)
    return to_task(frontend.GetTask(request, timeout=_left(deadline), metadata=named_metadata()))


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)


def _timed_out(session_id: str, task_id: str, timeout: float | None) -> TimeoutError:
    return TimeoutError(f"task {task_id} of session {session_id} did not end within {timeout:g} s")


class _Away:
    """Keeps the pauses between tries, and tells people once when the session manager is away."""

    def __init__(self, session_id: str, task_id: str) -> None:
        self._what = f"task {task_id} of session {session_id}"
        self._since: float | None = None
        self._pause = RETRY_FIRST_SECONDS

    def began(self, error: grpc.RpcError) -> None:
        if self._since is None:
            self._since = time.monotonic()
            _log.info("watch of %s broke off, opening it again: %s", self._what, error.details())
        elif time.monotonic() - self._since > AWAY_SECONDS:
            raise FlameError(
                FlameErrorCode.INTERNAL,
                f"lost {self._what}: the session manager has not answered for "
                f"{AWAY_SECONDS:g} s ({error.details()})",
            ) from error

    def ended(self) -> None:
        self._since = None
        self._pause = RETRY_FIRST_SECONDS

    def pause(self) -> float:
        pause = self._pause
        self._pause = min(pause * 2, RETRY_MAX_SECONDS)
        return pause
