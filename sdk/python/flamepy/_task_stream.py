"""The stream of tasks between an executor manager of this make and a service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from flamepy.proto import service_pb2, service_pb2_grpc, shim_pb2, types_pb2

Invoke = Callable[[shim_pb2.TaskContext, grpc.ServicerContext], types_pb2.TaskResult]


class TaskStreamServicer(service_pb2_grpc.ServiceServicer):
    """Answers each task of a stream, one after the other (docs/protocol.md, "Streams").

    It takes none ahead: what tasks print is told apart by when they run, as the executor manager
    sees it.

    Args:
        invoke: runs a task; never raises while somebody waits for the result.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
        self._lock = threading.Lock()
        self._idle: set[grpc.ServicerContext] = set()
        self._ending = False

    def Tasks(
        self, request_iterator: Iterator[service_pb2.TaskBatch], context: grpc.ServicerContext
    ) -> Iterator[service_pb2.ResultBatch]:
        """Run what comes, until nothing more does."""
        try:
            while self._rests(context):
                batch = next(request_iterator, None)
                self._works(context)
                if batch is None:
                    return
                for task in batch.tasks:
                    result = self._invoke(task, context)
                    answer = service_pb2.Answer(task_id=task.task_id, result=result)
                    yield service_pb2.ResultBatch(answers=[answer])
                if batch.recall:
                    # What came before has been run.
                    yield service_pb2.ResultBatch(recalled=service_pb2.Recalled())
        finally:
            self._works(context)

    def end(self) -> None:
        """End the streams on which no task runs, and the others after their task."""
        with self._lock:
            self._ending = True
            idle = list(self._idle)
        for context in idle:
            cancel: Any = context.cancel  # Without types.
            cancel()

    def _rests(self, context: grpc.ServicerContext) -> bool:
        with self._lock:
            if not self._ending:
                self._idle.add(context)
            return not self._ending

    def _works(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            self._idle.discard(context)
