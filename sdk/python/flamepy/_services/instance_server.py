"""Services that are called, by gRPC: where there is no stream to the executor manager."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy._process.main_thread import MainThread
from flamepy._services.service import STOP_SECONDS, AskedService, FlameService, instance_endpoint
from flamepy.proto import shim_pb2, shim_pb2_grpc, types_pb2

_THREADS = 10
#: Sizes are bounded by whoever sends them; this hop is a socket on the same machine.
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]


@public("flamepy.core.service")
class FlameInstanceServicer(shim_pb2_grpc.InstanceServicer):
    """Answers the executor manager by calling a service.

    Args:
        service: what is called.
        main: the thread that calls it; None for the thread of each request.
    """

    def __init__(self, service: FlameService, main: MainThread | None = None) -> None:
        self._service = AskedService(service)
        self._main = main

    def OnSessionEnter(
        self, request: shim_pb2.SessionContext, context: grpc.ServicerContext
    ) -> types_pb2.Result:
        """Call ``on_session_enter``."""
        return self._in_main(context, lambda: self._service.enter(request))

    def OnTaskInvoke(
        self, request: shim_pb2.TaskContext, context: grpc.ServicerContext
    ) -> types_pb2.TaskResult:
        """Call ``on_task_invoke``."""
        return self._in_main(context, lambda: self._service.invoke(request))

    def OnSessionLeave(
        self, request: types_pb2.EmptyRequest, context: grpc.ServicerContext
    ) -> types_pb2.Result:
        """Call ``on_session_leave``."""
        return self._in_main(context, self._service.leave)

    def _in_main[T](self, context: grpc.ServicerContext, call: Callable[[], T]) -> T:
        if self._main is None:
            return call()

        def unless_gone() -> T:
            if not context.is_active():  # It waited behind another call, and nobody waits for it.
                raise RuntimeError("the call was given up before it began")
            return call()

        return self._main.run(unless_gone)


@public("flamepy.core.service")
class FlameInstanceServer:
    """Serves a service on the socket that the executor manager named.

    Args:
        service: what is called.
        main: the thread that calls it; None for the threads of the server.

    Raises:
        FlameError: INVALID_CONFIG, on start, when no socket was named or it cannot be bound.
    """

    def __init__(self, service: FlameService, main: MainThread | None = None) -> None:
        self.servicer = FlameInstanceServicer(service, main)
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Listen; returns at once."""
        path = instance_endpoint()
        server = grpc.server(ThreadPoolExecutor(_THREADS, "flamepy-service"), options=_OPTIONS)
        register: Any = shim_pb2_grpc.add_InstanceServicer_to_server  # Generated without types.
        register(self.servicer, server)
        try:
            server.add_insecure_port(f"unix:{os.path.abspath(path)}")
        except RuntimeError as error:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG, f"cannot listen on the unix socket {path}: {error}"
            ) from error
        server.start()
        self._server = server

    def stop(self) -> None:
        """Stop listening; a call under way gets two seconds to end."""
        if self._server is not None:
            self._server.stop(STOP_SECONDS).wait()
            self._server = None
