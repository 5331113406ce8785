"""The stream between an executor manager of this make and a service."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Protocol

from flamepy._services.nested_waits import NestedWaits, tell_nested_waits
from flamepy.proto import service_pb2, shim_pb2, types_pb2

#: Set by an executor manager of this make: where a service connects for its session and its tasks.
FLAME_TASKS_ENDPOINT = "FLAME_TASKS_ENDPOINT"

_LENGTH_BYTES = 4
#: No message is larger, either way.
_FRAME_BYTES_MAX = 256 * 1024 * 1024
_READ_BYTES = 64 * 1024
_READ_BYTES_MAX = 1024 * 1024
_FAILED = -1


class Asked(Protocol):
    """What is asked; nothing of it ever raises."""

    def enter(self, request: shim_pb2.SessionContext) -> types_pb2.Result:
        """Enter a session."""

    def invoke(self, request: shim_pb2.TaskContext) -> types_pb2.TaskResult:
        """Run a task."""

    def leave(self) -> types_pb2.Result:
        """Leave the session."""


class TaskStream:
    """Enters a session, runs the tasks that come, one after the other, and leaves it
     (docs/protocol.md, "Streams").

    It takes none ahead: what tasks print is told apart by when they run, as the executor manager
    sees it. A result has left this process before the next task begins.
    """

    def __init__(self, tasks: socket.socket, results: socket.socket, service: Asked) -> None:
        self._tasks = tasks
        self._results = results
        self._service = service
        self._came = bytearray()
        #: How long the next message is with what stands before it; 0 while that is not known.
        self._due = 0
        # Threads of a task tell that it waits.
        self._telling = threading.RLock()
        self._nested = NestedWaits(self._tell_waits)
        tell_nested_waits(self._nested)
        self._tell(service_pb2.ResultBatch(ahead=0))

    @classmethod
    def connect(cls, service: Asked) -> TaskStream | None:
        """Connect to the executor manager; None where it does not listen for that.

        Args:
            service: what is asked.
        """
        path = os.environ.get(FLAME_TASKS_ENDPOINT)
        if not path:
            return None
        # In this order: by it the executor manager tells them apart.
        connections: list[socket.socket] = []
        try:
            for _ in range(2):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connections.append(connection)
                connection.connect(path)
        except OSError:
            for connection in connections:
                connection.close()
            return None
        tasks, results = connections
        return cls(tasks, results, service)

    def fileno(self) -> int:
        """Return what can be read when there is something to do."""
        return self._tasks.fileno()

    def work(self) -> bool:
        """Wait for what comes, and do it; False when nothing more will come."""
        try:
            return self._work()
        except BaseException:
            # A task may have been lost here: the executor manager is not to wait for it.
            self.close()
            raise

    def end(self) -> None:
        """Let :meth:`work` say that nothing more comes, after the task that runs; in any thread."""
        with suppress(OSError):
            self._tasks.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """End the stream, in the thread that works. Idempotent."""
        tell_nested_waits(None)
        self._tasks.close()
        self._results.close()

    def _work(self) -> bool:
        missing = self._due - len(self._came)
        try:
            data = self._tasks.recv(min(max(missing, _READ_BYTES), _READ_BYTES_MAX))
            self._came += data
            while data and (batch := self._next()) is not None:
                self._take(batch)
        except OSError:  # The executor manager has gone.
            data = b""
        if not data:
            self.close()
        return bool(data)

    def _next(self) -> service_pb2.TaskBatch | None:
        """Return the next message; None while it has not come to its end."""
        came, due = self._came, self._due
        if not due and len(came) >= _LENGTH_BYTES:
            length = int.from_bytes(came[:_LENGTH_BYTES], "big")
            if length > _FRAME_BYTES_MAX:
                raise ValueError(f"the executor manager sent a message of {length} bytes")
            self._due = due = _LENGTH_BYTES + length
        if not due or len(came) < due:
            return None
        with memoryview(came) as view:
            batch = service_pb2.TaskBatch.FromString(bytes(view[_LENGTH_BYTES:due]))
        del came[:due]
        self._due = 0
        return batch

    def _take(self, batch: service_pb2.TaskBatch) -> None:
        if batch.HasField("enter"):
            self._tell(service_pb2.ResultBatch(done=self._service.enter(batch.enter)))
        for task in batch.tasks:
            self._nested.task_begins()
            answer = service_pb2.Answer(task_id=task.task_id, result=self._service.invoke(task))
            self._tell(service_pb2.ResultBatch(answers=[answer]))
        if batch.recall:
            # What came before has been run.
            self._tell(service_pb2.ResultBatch(recalled=service_pb2.Recalled()))
        if batch.leave:
            self._tell(service_pb2.ResultBatch(done=self._service.leave()))

    def _tell(self, batch: service_pb2.ResultBatch) -> None:
        data = batch.SerializeToString()
        if len(data) > _FRAME_BYTES_MAX:
            message = (
                f"the result is too large: got {len(data)} bytes, expected at most "
                f"{_FRAME_BYTES_MAX}; use put_object"
            )
            failed = types_pb2.TaskResult(return_code=_FAILED, message=message)
            answer = service_pb2.Answer(task_id=batch.answers[0].task_id, result=failed)
            data = service_pb2.ResultBatch(answers=[answer]).SerializeToString()
        frame = len(data).to_bytes(_LENGTH_BYTES, "big") + data
        with self._telling:
            # When this returns the system has all of it, and keeps it whatever becomes of this
            # process.
            self._results.sendall(frame)

    def _tell_waits(self, session_ids: list[str]) -> None:
        with suppress(OSError):  # The executor manager has gone: nobody needs to know.
            self._tell(service_pb2.ResultBatch(awaits=service_pb2.Awaits(session_ids=session_ids)))
