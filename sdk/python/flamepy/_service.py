"""Services: what an application runs on the executors."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

from flamepy._convert import optional
from flamepy._errors import FlameError, FlameErrorCode
from flamepy._forks import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
from flamepy._forks import forked_children_end
from flamepy._main_thread import MainThread
from flamepy._public import public
from flamepy._result import describe, encode_failure
from flamepy._task_stream import TaskStream
from flamepy._trace import TraceFn
from flamepy._types import Shim
from flamepy.proto import shim_pb2, shim_pb2_grpc, types_pb2

_THREADS = 10
_STOP_SECONDS = 2.0
_FAREWELL_SECONDS = 0.5
_FAILED = -1
#: Sizes are bounded by whoever sends them; this hop is a socket on the same machine.
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]
_log = logging.getLogger("flamepy")


@public("flamepy.core.service")
@dataclass
class ApplicationContext:
    """The application of a session, as it is registered; None where it says nothing.

    Attributes:
        url: where the application's package lies; None when it has none.
    """

    name: str
    image: str | None = None
    command: str | None = None
    working_directory: str | None = None
    url: str | None = None
    shim: Shim = Shim.HOST
    installer: str | None = None


@public("flamepy.core.service")
@dataclass
class SessionContext:
    """The session that an instance serves."""

    _common_data: bytes | None = field(repr=False)
    session_id: str
    application: ApplicationContext

    def common_data(self) -> bytes | None:
        """Return the bytes that the session was created with; None without any."""
        return self._common_data


@public("flamepy.core.service")
@dataclass
class TaskContext:
    """The task that an instance should run; ``input`` is None when the task has none."""

    task_id: str
    session_id: str
    input: bytes | None = field(repr=False)


@public("flamepy.core.service")
class FlameService:
    """What an application does; override the methods and hand an instance to :func:`run`.

    The methods are called one at a time, in the thread that called :func:`run`: the main thread of
    the process. An exception of ``on_session_enter`` keeps the session from being served here, one
    of ``on_task_invoke`` fails the task; both travel to the client. A child process that a method
    forks and that returns from it ends there.
    """

    def on_session_enter(self, context: SessionContext) -> bool | None:
        """Prepare for the tasks of a session. What is returned does not matter."""
        return None

    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        """Run a task and return its output; None for no output."""
        return None

    def on_session_leave(self) -> bool | None:
        """Clean up after the last task of the session. What is returned does not matter."""
        return None


@public("flamepy.core.service")
class FlameInstanceServicer(shim_pb2_grpc.InstanceServicer):
    """Answers the executor manager by calling a service.

    Args:
        service: what is called.
        main: the thread that calls it; None for the thread of each request.
    """

    def __init__(self, service: FlameService, main: MainThread | None = None) -> None:
        self._service = service
        self._main = main
        self._tasks: TaskStream | None = None

    def OnSessionEnter(
        self, request: shim_pb2.SessionContext, context: grpc.ServicerContext
    ) -> types_pb2.Result:
        """Call ``on_session_enter``."""
        _trace = TraceFn("OnSessionEnter")
        application = request.application
        session = SessionContext(
            _common_data=optional(request, "common_data"),
            session_id=request.session_id,
            application=ApplicationContext(
                name=application.name,
                image=optional(application, "image"),
                command=optional(application, "command"),
                working_directory=optional(application, "working_directory"),
                url=optional(application, "url"),
                # Tests of the published SDK hand in requests without it.
                shim=Shim(int(getattr(application, "shim", Shim.HOST))),
                installer=optional(application, "installer"),
            ),
        )

        def enter() -> types_pb2.Result:
            # Before the answer: by it the executor manager knows that tasks may come so.
            self._connect()
            try:
                with forked_children_end():
                    self._service.on_session_enter(session)
            except BaseException as error:  # What user code raises must not end this process.
                _log.exception("cannot enter session %s", request.session_id)
                return types_pb2.Result(return_code=_FAILED, message=describe(error))
            return types_pb2.Result(return_code=0)

        return self._in_main(context, enter)

    def OnTaskInvoke(
        self, request: shim_pb2.TaskContext, context: grpc.ServicerContext
    ) -> types_pb2.TaskResult:
        """Call ``on_task_invoke``."""
        return self._in_main(context, lambda: self._invoke(request))

    def OnSessionLeave(
        self, request: types_pb2.EmptyRequest, context: grpc.ServicerContext
    ) -> types_pb2.Result:
        """Call ``on_session_leave``."""
        _trace = TraceFn("OnSessionLeave")

        def leave() -> types_pb2.Result:
            try:
                with forked_children_end():
                    self._service.on_session_leave()
            except BaseException as error:  # What user code raises must not end this process.
                _log.exception("cannot leave the session")
                return types_pb2.Result(return_code=_FAILED, message=describe(error))
            return types_pb2.Result(return_code=0)

        return self._in_main(context, leave)

    def _invoke(self, request: shim_pb2.TaskContext) -> types_pb2.TaskResult:
        task = TaskContext(request.task_id, request.session_id, optional(request, "input"))
        try:
            with forked_children_end():
                output = self._service.on_task_invoke(task)
            if output is not None and not isinstance(output, bytes):
                raise TypeError(
                    f"on_task_invoke returned a {type(output).__name__}: expected bytes or None"
                )
        except BaseException as error:  # What user code raises must not end this process.
            _log.info("task %s failed: %s", request.task_id, describe(error))
            return types_pb2.TaskResult(
                return_code=_FAILED, output=encode_failure(error), message=describe(error)
            )
        return types_pb2.TaskResult(return_code=0, output=output)

    def end_tasks(self) -> None:
        """Let the stream of tasks end after the task that runs, if there is one."""
        if self._tasks is not None:
            self._tasks.end()

    def _connect(self) -> None:
        if self._tasks is not None:
            return
        self._tasks = tasks = TaskStream.connect(self._invoke)
        if tasks is None:
            return
        if self._main is not None:
            self._main.attend(tasks)
        else:
            threading.Thread(
                target=_run_all, args=(tasks,), name="flamepy-tasks", daemon=True
            ).start()

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
        path = os.environ.get(FLAME_INSTANCE_ENDPOINT)
        if not path:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                f"{FLAME_INSTANCE_ENDPOINT} is not set: a service is started by an executor "
                "manager, which names the unix socket to listen on",
            )
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
            stopped = self._server.stop(_STOP_SECONDS)
            self.servicer.end_tasks()
            stopped.wait()
            self._server = None


@public("flamepy.core.service")
def run(service: FlameService) -> None:
    """Serve ``service`` in this thread until SIGTERM or SIGINT.

    Raises:
        FlameError: INVALID_CONFIG, when it was not started by an executor manager.
    """
    main = MainThread()
    server = FlameInstanceServer(service, main)

    def end() -> None:
        server.stop()
        if main.busy:
            # A task that does not end would keep the interpreter from exiting.
            _leave_at_once()
        main.end()

    main.end_with(end)
    server.start()
    main.serve()
    server.stop()  # Asked to end before it listened.
    main.close()


def _run_all(tasks: TaskStream) -> None:
    while tasks.work():
        pass


def _leave_at_once() -> None:
    def say_farewell() -> None:
        _log.warning("stopped while a task was running")
        sys.stdout.flush()
        sys.stderr.flush()

    # The task may hold the locks of these streams, writing to a pipe that nobody reads.
    farewell = threading.Thread(target=say_farewell, daemon=True)
    farewell.start()
    farewell.join(_FAREWELL_SECONDS)
    os._exit(0)
