"""Services: what an application runs on the executors."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import NoReturn

from flamepy._model.convert import optional
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import Shim
from flamepy._names.public import public
from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
from flamepy._process.forks import ForkedChildrenEnd
from flamepy._process.main_thread import MainThread
from flamepy._results.result import describe, encode_failure
from flamepy._services.task_stream import TaskStream
from flamepy._services.trace import TraceFn
from flamepy._values.carried_modules import forget_carried
from flamepy.proto import shim_pb2, types_pb2

#: So long a call under way may go on when the service is to end.
STOP_SECONDS = 2.0
_FAREWELL_SECONDS = 0.5
_FAILED = -1
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


@dataclass(frozen=True)
class PackageFolders:
    """What the executor manager made of a list of packages.

    Attributes:
        folders: what goes on ``sys.path``.
        failure: why there are none.
    """

    folders: tuple[str, ...] = ()
    failure: str | None = None

    def refuse(self) -> NoReturn:
        """Fail with the reason."""
        raise FlameError(FlameErrorCode.INVALID_ARGUMENT, str(self.failure))


@public("flamepy.core.service")
@dataclass
class SessionContext:
    """The session that an instance serves."""

    _common_data: bytes | None = field(repr=False)
    session_id: str
    application: ApplicationContext
    _listed: PackageFolders = field(default=PackageFolders(), repr=False)

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


class AskedService:
    """Asks a service as an executor manager does; what it raises travels to the client.

    Args:
        service: what is asked.
    """

    def __init__(self, service: FlameService) -> None:
        self._service = service

    def enter(self, request: shim_pb2.SessionContext) -> types_pb2.Result:
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
            _listed=_listed_of(request),
        )
        try:
            with ForkedChildrenEnd():
                self._service.on_session_enter(session)
        except BaseException as error:  # What user code raises must not end this process.
            _log.exception("cannot enter session %s", request.session_id)
            return types_pb2.Result(return_code=_FAILED, message=describe(error))
        return types_pb2.Result(return_code=0)

    def invoke(self, request: shim_pb2.TaskContext) -> types_pb2.TaskResult:
        """Call ``on_task_invoke``."""
        task = TaskContext(request.task_id, request.session_id, optional(request, "input"))
        try:
            with ForkedChildrenEnd():
                output = self._service.on_task_invoke(task)
            if output is not None and not isinstance(output, bytes):
                raise TypeError(
                    f"on_task_invoke returned a {type(output).__name__}: expected bytes or None"
                )
        except BaseException as error:  # What user code raises must not end this process.
            # Who waits hears of it; at a higher level it would show among what the task prints.
            _log.debug("task %s failed: %s", request.task_id, describe(error))
            return types_pb2.TaskResult(
                return_code=_FAILED, output=encode_failure(error), message=describe(error)
            )
        return types_pb2.TaskResult(return_code=0, output=output)

    def leave(self) -> types_pb2.Result:
        """Call ``on_session_leave``."""
        _trace = TraceFn("OnSessionLeave")
        try:
            with ForkedChildrenEnd():
                self._service.on_session_leave()
        except BaseException as error:  # What user code raises must not end this process.
            _log.exception("cannot leave the session")
            return types_pb2.Result(return_code=_FAILED, message=describe(error))
        finally:
            forget_carried()
        return types_pb2.Result(return_code=0)


def _listed_of(request: shim_pb2.SessionContext) -> PackageFolders:
    # Tests of the published SDK hand in requests without it.
    listed = optional(request, "packages") if hasattr(request, "packages") else None
    if listed is None:
        return PackageFolders()
    return PackageFolders(tuple(listed.folders), optional(listed, "failure"))


def instance_endpoint() -> str:
    """Return the path of the unix socket on which a service that is called listens.

    Raises:
        FlameError: INVALID_CONFIG, when no executor manager has named one.
    """
    path = os.environ.get(FLAME_INSTANCE_ENDPOINT)
    if not path:
        raise FlameError(
            FlameErrorCode.INVALID_CONFIG,
            f"{FLAME_INSTANCE_ENDPOINT} is not set: a service is started by an executor "
            "manager, which names the unix socket to listen on",
        )
    return path


@public("flamepy.core.service")
def run(service: FlameService) -> None:
    """Serve ``service`` in this thread until SIGTERM or SIGINT.

    Raises:
        FlameError: INVALID_CONFIG, when it was not started by an executor manager.
    """
    instance_endpoint()
    main = MainThread()
    stream = TaskStream.connect(AskedService(service))
    if stream is None:
        _serve_calls(service, main)
    else:
        _serve_stream(stream, main)


def _serve_stream(stream: TaskStream, main: MainThread) -> None:
    def end() -> None:
        stream.end()
        main.end()
        if not main.ended.wait(STOP_SECONDS):
            # A task that does not end would keep the interpreter from exiting.
            _leave_at_once()

    main.end_with(end)
    main.serve(stream)


def _serve_calls(service: FlameService, main: MainThread) -> None:
    # Where nobody wants calls, the time to load gRPC is not lost.
    from flamepy._services.instance_server import FlameInstanceServer

    server = FlameInstanceServer(service, main)

    def end() -> None:
        server.stop()
        if main.busy:
            _leave_at_once()
        main.end()

    main.end_with(end)
    server.start()
    main.serve()
    server.stop()  # Asked to end before it listened.


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
