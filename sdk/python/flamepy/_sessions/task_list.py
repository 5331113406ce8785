"""Listing the tasks of a session."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from flamepy._client.channel import to_flame_error
from flamepy._model.convert import to_task
from flamepy._model.types import Task
from flamepy._names.public import public
from flamepy.proto import types_pb2


@public("flamepy.core.client")
class TaskIterator:
    """Iterates over the tasks of a session as they arrive.

    Args:
        stream: messages of the session manager.
        session_id: the session, for errors.

    Raises:
        FlameError: while iterating, when the session manager refuses or does not answer.
    """

    def __init__(self, stream: Iterator[types_pb2.Task], session_id: str) -> None:
        self._stream = stream
        self._session_id = session_id

    def __iter__(self) -> TaskIterator:
        return self

    def __next__(self) -> Task:
        try:
            return to_task(next(self._stream))
        except grpc.RpcError as error:
            raise to_flame_error(error, f"list tasks of session {self._session_id!r}") from error
