"""A session manager in this process: a real gRPC server with as much of the Frontend as needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from flamepy.proto import (
    client_pb2,
    client_pb2_grpc,
    clients_pb2_grpc,
    frontend_pb2_grpc,
    logs_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    types_pb2,
)
from flamepy.proto import frontend_pb2 as frontend

Execute = Callable[[types_pb2.Session, types_pb2.Task], types_pb2.TaskResult]
_FINAL = (types_pb2.Succeed, types_pb2.Failed, types_pb2.Cancelled)


def _now() -> int:
    return int(time.time() * 1000)


class FakeCluster(
    frontend_pb2_grpc.FrontendServicer,
    client_pb2_grpc.PresenceServicer,
    sessions_pb2_grpc.SessionsServicer,
):
    """Keeps applications, sessions and tasks in memory.

    Set ``execute`` and each new task is run by it; leave it None and tasks stay pending until a
    test calls :meth:`finish`. ``stop`` and ``start`` are a restart that keeps what is known.
    """

    def __init__(self) -> None:
        self.applications: dict[str, types_pb2.Application] = {}
        self.sessions: dict[str, types_pb2.Session] = {}
        self.tasks: dict[tuple[str, str], types_pb2.Task] = {}
        self.execute: Execute | None = None
        self.end_watches_early = 0
        self.watches = 0
        #: How long a watch takes to end after its final state, and how many clients did not wait.
        self.end_seconds = 0.0
        self.resets = 0
        #: Calls that are refused before one is taken, with this delay in milliseconds or, if it
        #: is None, without one.
        self.refusals = 0
        self.refusal_delay: str | None = "20"
        self.metadata: dict[str, str] = {}
        #: When the next beat is wanted, in milliseconds; None: a session manager of another make.
        self.next_beat: int | None = 20
        #: Clients that beat, in order.
        self.beats: list[str] = []
        #: False: a session manager of another make.
        self.can_cancel = True
        #: Streams of tasks; None: a session manager of another make. Known from the next start on.
        self.streams: clients_pb2_grpc.ClientsServicer | None = None
        #: What tasks print; None: a session manager of another make. Known from the next start on.
        self.logs: logs_pb2_grpc.LogsServicer | None = None
        self.changed = threading.Condition()
        self.port = 0
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None
        self.application("flmrun")

    def __enter__(self) -> FakeCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._pool = ThreadPoolExecutor(64)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        register: Any = frontend_pb2_grpc.add_FrontendServicer_to_server
        register(self, self._server)
        register_presence: Any = client_pb2_grpc.add_PresenceServicer_to_server
        register_presence(self, self._server)
        register_sessions: Any = sessions_pb2_grpc.add_SessionsServicer_to_server
        register_sessions(self, self._server)
        if self.streams is not None:
            register_clients: Any = clients_pb2_grpc.add_ClientsServicer_to_server
            register_clients(self.streams, self._server)
        if self.logs is not None:
            register_logs: Any = logs_pb2_grpc.add_LogsServicer_to_server
            register_logs(self.logs, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait()
        with self.changed:
            self.changed.notify_all()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def application(self, name: str) -> None:
        """Register an application."""
        self.applications[name] = types_pb2.Application(
            metadata=types_pb2.Metadata(id=name, name=name),
            status=types_pb2.ApplicationStatus(creation_time=_now()),
        )

    def event(self, session_id: str, code: int, message: str) -> None:
        """Add an event to a session."""
        self.sessions[session_id].status.events.add(
            code=code, message=message, creation_time=_now()
        )

    def start_task(self, task: types_pb2.Task) -> None:
        """Let a task run."""
        with self.changed:
            task.status.state = types_pb2.Running
            self.changed.notify_all()

    def finish(self, task: types_pb2.Task, result: types_pb2.TaskResult) -> None:
        """Let a task end."""
        with self.changed:
            if task.status.state in _FINAL:
                return
            if result.HasField("output"):
                task.spec.output = result.output
            failed = result.return_code != 0
            task.status.state = types_pb2.Failed if failed else types_pb2.Succeed
            task.status.completion_time = _now()
            if failed:
                task.status.events.add(code=3, message=result.message, creation_time=_now())
            self.changed.notify_all()

    # The names below are the contract's.

    def Beat(self, request: Any, context: Any) -> client_pb2.BeatReply:
        with self.changed:
            self.beats.append(dict(context.invocation_metadata())["flame-client"])
            self.changed.notify_all()
        if self.next_beat is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "unknown service")
        return client_pb2.BeatReply(next_ms=self.next_beat)

    def RegisterApplication(self, request: Any, context: Any) -> types_pb2.Result:
        if request.name in self.applications:
            return types_pb2.Result(return_code=-1, message=f"{request.name} already exists")
        self.application(request.name)
        self.applications[request.name].spec.CopyFrom(request.application)
        return types_pb2.Result()

    def UnregisterApplication(self, request: Any, context: Any) -> types_pb2.Result:
        if self.applications.pop(request.name, None) is None:
            return types_pb2.Result(return_code=-1, message=f"{request.name} not found")
        return types_pb2.Result()

    def GetApplication(self, request: Any, context: Any) -> types_pb2.Application:
        return self._found(context, self.applications.get(request.name), request.name)

    def ListApplication(self, request: Any, context: Any) -> types_pb2.ApplicationList:
        return types_pb2.ApplicationList(applications=self.applications.values())

    def ListNodes(self, request: Any, context: Any) -> types_pb2.NodeList:
        return types_pb2.NodeList(nodes=[types_pb2.Node(metadata={"id": "n", "name": "n"})])

    def ListExecutor(self, request: Any, context: Any) -> types_pb2.ExecutorList:
        return types_pb2.ExecutorList()

    def CreateSession(self, request: Any, context: Any) -> types_pb2.Session:
        self.metadata = dict(context.invocation_metadata())
        if request.session.application not in self.applications:
            context.abort(grpc.StatusCode.NOT_FOUND, "application not found")
        if request.session_id in self.sessions:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "session already exists")
        session = types_pb2.Session(
            metadata=types_pb2.Metadata(id=request.session_id, name=request.session_id),
            spec=request.session,
            status=types_pb2.SessionStatus(creation_time=_now()),
        )
        self.sessions[request.session_id] = session
        return session

    def OpenSession(self, request: Any, context: Any) -> types_pb2.Session:
        if request.session_id not in self.sessions and request.HasField("session"):
            return self.CreateSession(request, context)
        return self._found(context, self.sessions.get(request.session_id), request.session_id)

    def GetSession(self, request: Any, context: Any) -> types_pb2.Session:
        return self._found(context, self.sessions.get(request.session_id), request.session_id)

    def ListSession(self, request: Any, context: Any) -> types_pb2.SessionList:
        return types_pb2.SessionList(sessions=self.sessions.values())

    def CloseSession(self, request: Any, context: Any) -> types_pb2.Session:
        session = self._found(context, self.sessions.get(request.session_id), request.session_id)
        with self.changed:
            own = [task for (owner, _), task in self.tasks.items() if owner == request.session_id]
            if any(task.status.state == types_pb2.Running for task in own):
                context.abort(grpc.StatusCode.INTERNAL, "Cannot close session with running tasks")
            for task in own:
                if task.status.state == types_pb2.Pending:
                    task.status.state = types_pb2.Cancelled
            session.status.state = types_pb2.Closed
            session.status.completion_time = _now()
            self.changed.notify_all()
        return session

    def Cancel(self, request: Any, context: Any) -> sessions_pb2.CancelResponse:
        if not self.can_cancel:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
        session = self._found(context, self.sessions.get(request.session_id), request.session_id)
        done = sessions_pb2.CancelResponse()
        with self.changed:
            for (owner, task_id), task in self.tasks.items():
                if owner != request.session_id:
                    continue
                if not request.task_ids or task_id in request.task_ids:
                    self._cancel(task.status, request, done)
                done.running += task.status.state == types_pb2.Running
            if request.close and done.running == 0:
                session.status.state = types_pb2.Closed
                done.closed = True
            self.changed.notify_all()
        return done

    def _cancel(self, status: Any, request: Any, done: Any) -> None:
        if status.state in _FINAL:
            done.over += bool(request.task_ids)
        elif status.state == types_pb2.Pending:
            status.state = types_pb2.Cancelled
            done.cancelled += 1
        elif not request.pending_only:
            status.state = types_pb2.Failed
            status.events.add(code=1101, message="cancelled by me (open, from here)")
            status.events.add(code=3, message="cancelled by me")
            done.ended += 1

    def refuse(self, context: Any) -> None:
        """Refuse the call while refusals are left."""
        if self.refusals == 0:
            return
        self.refusals -= 1
        if self.refusal_delay is not None:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", self.refusal_delay),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")

    def CreateTask(self, request: Any, context: Any) -> types_pb2.Task:
        self.refuse(context)
        spec = request.task
        session = self._found(context, self.sessions.get(spec.session_id), spec.session_id)
        if session.status.state == types_pb2.Closed:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "cannot create task in closed session")
        with self.changed:
            task_id = str(len(self.tasks) + 1)
            task = types_pb2.Task(
                metadata=types_pb2.Metadata(id=task_id, name=task_id),
                spec=spec,
                status=types_pb2.TaskStatus(creation_time=_now()),
            )
            self.tasks[spec.session_id, task_id] = task
            created = types_pb2.Task()
            created.CopyFrom(task)
        if self.execute is not None:
            threading.Thread(target=self._run, args=(session, task), daemon=True).start()
        return created

    def GetTask(self, request: Any, context: Any) -> types_pb2.Task:
        return self._found(context, self._task(request), request.task_id)

    def ListTask(self, request: Any, context: Any) -> Iterator[types_pb2.Task]:
        yield from [task for (owner, _), task in self.tasks.items() if owner == request.session_id]

    def WatchTask(self, request: Any, context: Any) -> Iterator[types_pb2.Task]:
        self.watches += 1
        self.refuse(context)
        task = self._found(context, self._task(request), request.task_id)
        if self.end_watches_early > 0:
            self.end_watches_early -= 1
            return
        seen = types_pb2.Pending
        while True:
            with self.changed:
                while task.status.state == seen and seen not in _FINAL:
                    self.changed.wait(0.2)
                    if self._server is None or not context.is_active():
                        context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
                seen = task.status.state
                message = types_pb2.Task()
                message.CopyFrom(task)
            yield message
            if seen in _FINAL:
                self._end_slowly(context)
                return

    def _end_slowly(self, context: Any) -> None:
        """Count a client that resets the stream instead of waiting for its end."""
        deadline = time.monotonic() + self.end_seconds
        while time.monotonic() < deadline:
            if not context.is_active():
                self.resets += 1
                return
            time.sleep(0.01)

    def _task(self, request: frontend.GetTaskRequest) -> types_pb2.Task | None:
        return self.tasks.get((request.session_id, request.task_id))

    def _run(self, session: types_pb2.Session, task: types_pb2.Task) -> None:
        assert self.execute is not None
        self.start_task(task)
        self.finish(task, self.execute(session, task))

    @staticmethod
    def _found[T](context: Any, thing: T | None, name: str) -> T:
        if thing is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{name} not found")
        assert thing is not None
        return thing
