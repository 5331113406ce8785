"""A connection to a session manager."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

import grpc

from flamepy._channel import (
    CALL_SECONDS,
    call,
    check_result,
    is_unimplemented,
    named_metadata,
    open_channel,
    to_flame_error,
)
from flamepy._client_stream import ClientStream
from flamepy._common_data import CommonData
from flamepy._config import FlameClientTls, current_context
from flamepy._convert import attributes_from, from_application, from_session, to_application
from flamepy._errors import FlameError, FlameErrorCode
from flamepy._forks import refuse_in_forked_child
from flamepy._listing import APPLICATIONS, EXECUTORS, NODES, SESSIONS, Listing
from flamepy._log_lines import Logs
from flamepy._log_stream import LogStream
from flamepy._names import PACKAGES_SESSION, short_name
from flamepy._object_session import session_from
from flamepy._presence import Presence, client_id
from flamepy._public import public
from flamepy._session import Session
from flamepy._shipping import with_shipped
from flamepy._types import Application, ApplicationAttributes, SessionAttributes
from flamepy._workers import Workers
from flamepy.proto import (
    client_pb2,
    client_pb2_grpc,
    clients_pb2_grpc,
    frontend_pb2,
    frontend_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    types_pb2,
)

#: Watches at a time. Tasks run in the order of their creation, so a later one seldom ends while
#: this many earlier ones do not; its future then resolves late, and nothing is lost.
_WATCHES_MAX = 256
#: Results that are too large for a stream and fetched at once; each is in memory as a whole.
_FETCHES_MAX = 16
#: Of a session that is not to end with its client: docs/protocol.md, "Unused sessions".
_KEEP = ("flame-session-keep", "true")
#: Codes that say for sure that nothing was created.
_REFUSALS = (
    FlameErrorCode.INVALID_ARGUMENT,
    FlameErrorCode.INVALID_STATE,
    FlameErrorCode.ALREADY_EXISTS,
    FlameErrorCode.NOT_FOUND,
)


@public("flamepy.core.client")
class Connection:
    """A connection to a session manager; safe to be used by many threads.

    Use :func:`connect` to make one. As a context manager it closes at the end. A process that was
    forked from one that has it cannot use it, which is a FlameError there.

    Attributes:
        addr: address of the session manager.
    """

    def __init__(self, addr: str, channel: grpc.Channel) -> None:
        self.addr = addr
        self._channel = channel
        self._closed = False
        self._process = os.getpid()
        stub: Any = frontend_pb2_grpc.FrontendStub  # Generated without types.
        self.frontend = stub(channel)
        presence_stub: Any = client_pb2_grpc.PresenceStub
        self._beat_rpc = presence_stub(channel).Beat
        sessions_stub: Any = sessions_pb2_grpc.SessionsStub
        self._cancel_rpc = sessions_stub(channel).Cancel
        self._client = ("flame-client", client_id())
        self._reads_frames: bool | None = None
        self._presence = Presence(self._beat)
        self.workers = Workers("flamepy-watch", _WATCHES_MAX)
        self.fetches = Workers("flamepy-fetch", _FETCHES_MAX)

        def metadata() -> tuple[tuple[str, str], ...]:
            return (*named_metadata(), self._client)

        clients_stub: Any = clients_pb2_grpc.ClientsStub
        self.stream = ClientStream(clients_stub(channel).Tasks, metadata)
        self.logs = LogStream(channel, metadata, addr)

    @classmethod
    def connect(cls, addr: str, tls_config: FlameClientTls | None = None) -> Connection:
        """Connect to ``addr``; see :func:`connect`."""
        if not addr:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                "address of the session manager is empty: expected http://host:port",
            )
        return cls(addr, open_channel(addr, tls_config))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls and watches under way end with an error.

        What was handed in with ``Session.run`` leaves before, for which it takes 5 seconds at most.
        """
        self._closed = True
        if self._process != os.getpid():
            return  # A forked child has nothing of it but the name.
        self._presence.close()
        self.stream.close()
        self.logs.close()
        self._channel.close()

    def call(
        self,
        operation: str,
        method: str,
        request: Any,
        *,
        repeatable: bool = True,
        seconds: float = CALL_SECONDS,
        keep: bool = False,
    ) -> Any:
        """Make a unary call of the Frontend service; see ``_channel.call``.

        Args:
            keep: the session that it creates or opens is not to end with this client.
        """
        self._check_open(operation)
        rpc = getattr(self.frontend, method)
        metadata = (self._client, _KEEP) if keep else (self._client,)
        return call(
            operation, rpc, request, repeatable=repeatable, seconds=seconds, metadata=metadata
        )

    def reads_frames(self) -> bool:
        """Whether the services of the cluster read our common data and inputs; asked once.

        Those of the published flamepy do not. They are what runs where the session manager is of
        another make, which does not serve ``flame.client.v1.Presence``, and where all nodes are.

        Raises:
            FlameError: the session manager does not answer, or refuses this client.
        """
        if self._reads_frames is None:
            operation = "ask the session manager what services its nodes have"
            self._check_open(operation)
            metadata = (self._client,)
            beat = client_pb2.BeatRequest()
            try:
                reply = call(operation, self._beat_rpc, beat, repeatable=True, metadata=metadata)
                self._reads_frames = not reply.only_other_makes
            except FlameError as error:
                if not is_unimplemented(error):
                    raise
                self._reads_frames = False
        return self._reads_frames

    def _beat(self) -> float | None:
        request = client_pb2.BeatRequest()
        try:
            reply = self._beat_rpc(
                request, timeout=CALL_SECONDS, wait_for_ready=True, metadata=(self._client,)
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None  # A session manager of another make keeps every session.
            raise to_flame_error(error, "say that this client is there") from error
        return None if reply.next_ms == 0 else reply.next_ms / 1000

    def register_application(
        self, name: str, app_attrs: ApplicationAttributes | dict[str, Any]
    ) -> None:
        """Register an application.

        Raises:
            FlameError: ALREADY_EXISTS, or the server refused the attributes.
        """
        attributes = attributes_from(app_attrs)
        spec = from_application(with_shipped(attributes, f"{name}/{PACKAGES_SESSION}", self))
        request = frontend_pb2.RegisterApplicationRequest(name=name, application=spec)
        check_result(
            f"register application {name!r}",
            self.call(
                f"register application {name!r}", "RegisterApplication", request, repeatable=False
            ),
        )

    def unregister_application(self, name: str) -> None:
        """Remove an application; refused while it has open sessions."""
        request = frontend_pb2.UnregisterApplicationRequest(name=name)
        operation = f"unregister application {name!r}"
        check_result(operation, self.call(operation, "UnregisterApplication", request))

    def list_applications(self) -> list[Application]:
        """Return all applications."""
        request = frontend_pb2.ListApplicationRequest()
        reply = self.call("list applications", "ListApplication", request)
        return Listing(map(to_application, reply.applications), APPLICATIONS)

    def get_application(self, name: str) -> Application | None:
        """Return an application, or None when there is none of that name."""
        request = frontend_pb2.GetApplicationRequest(name=name)
        try:
            return to_application(self.call(f"get application {name!r}", "GetApplication", request))
        except FlameError as error:
            if error.code is FlameErrorCode.NOT_FOUND:
                return None
            raise

    def list_executors(self) -> list[types_pb2.Executor]:
        """Return all executors, as wire messages."""
        request = frontend_pb2.ListExecutorRequest()
        reply = self.call("list executors", "ListExecutor", request)
        return Listing(reply.executors, EXECUTORS)

    def list_nodes(self) -> list[types_pb2.Node]:
        """Return all nodes, as wire messages."""
        request = frontend_pb2.ListNodesRequest()
        return Listing(self.call("list nodes", "ListNodes", request).nodes, NODES)

    def create_session(self, attrs: SessionAttributes, logs: Logs = None) -> Session:
        """Create a session.

        One whose id the caller does not choose ends with this client unless ``attrs.keep`` is set:
        when the client is gone for ten minutes and no task is open, or no task came for a day, the
        session manager closes it. ``logs`` is as for ``flamepy.create_session``.

        Raises:
            FlameError: NOT_FOUND for an unknown application, ALREADY_EXISTS for a used id.
        """
        sink = self.logs.wanted(logs)
        session_id = attrs.id or short_name(attrs.application)
        operation = f"create session {session_id!r} of application {attrs.application!r}"
        keep = attrs.keep or attrs.id is not None
        common = CommonData.of(attrs, session_id, self.reads_frames)
        try:
            attrs = with_shipped(common.attrs, f"{attrs.application}/{session_id}", self)
            request = frontend_pb2.CreateSessionRequest(
                session_id=session_id, session=from_session(attrs, common.data)
            )
            reply = self.call(operation, "CreateSession", request, repeatable=False, keep=keep)
        except FlameError as error:
            if error.code in _REFUSALS:
                common.forget_object()
            raise
        if not keep:
            self._presence.began(session_id)
        session = session_from(
            self, reply, created=True, common_data=common.data, callables=common.callables
        )
        return self.logs.shown(session, sink, logs)

    def list_sessions(self) -> list[Session]:
        """Return all sessions."""
        request = frontend_pb2.ListSessionRequest()
        reply = self.call("list sessions", "ListSession", request)
        return Listing((session_from(self, message) for message in reply.sessions), SESSIONS)

    def open_session(
        self, session_id: str, spec: SessionAttributes | None = None, logs: Logs = None
    ) -> Session:
        """Open a session that exists, or, when ``spec`` is given, create it if it does not.

        One that is to end with its client ends with this one, too; with ``spec`` it stays until it
        is closed. ``logs`` is as for ``flamepy.create_session``.

        Raises:
            FlameError: NOT_FOUND without ``spec`` and session; INVALID_ARGUMENT when the session is
                closed, or was created with other attributes.
        """
        sink = self.logs.wanted(logs)
        wire, common = None, None
        if spec is not None:
            common = CommonData.of(spec, session_id, self.reads_frames)
            attrs = with_shipped(common.attrs, f"{spec.application}/{session_id}", self)
            wire = from_session(attrs, common.data)
        request = frontend_pb2.OpenSessionRequest(session_id=session_id, session=wire)
        keep = spec is not None
        reply = self.call(f"open session {session_id!r}", "OpenSession", request, keep=keep)
        if not keep:
            self._presence.began(session_id)
        session = session_from(self, reply)
        if common is not None and session.common_data() == common.data:
            session = session_from(self, reply, callables=common.callables)
        elif common is not None:
            common.forget_object()  # It existed already, with common data of its own.
        return self.logs.shown(session, sink, logs)

    def get_session(self, session_id: str) -> Session:
        """Return a session, open or closed.

        Raises:
            FlameError: NOT_FOUND.
        """
        request = frontend_pb2.GetSessionRequest(session_id=session_id)
        return session_from(self, self.call(f"get session {session_id!r}", "GetSession", request))

    def close_session(self, session_id: str, *, seconds: float = CALL_SECONDS) -> Session:
        """Close a session: its pending tasks are cancelled; refused while tasks run."""
        request = frontend_pb2.CloseSessionRequest(session_id=session_id)
        operation = f"close session {session_id!r}"
        closed = session_from(self, self.call(operation, "CloseSession", request, seconds=seconds))
        self._presence.ended(session_id)
        return closed

    def cancel_tasks(
        self,
        session_id: str,
        task_ids: Iterable[str] | None = None,
        *,
        pending_only: bool = False,
        close: bool = False,
        seconds: float = CALL_SECONDS,
    ) -> sessions_pb2.CancelResponse | None:
        """Cancel tasks of a session, in one commit.

        Args:
            task_ids: None for all that have not ended.
            pending_only: tasks that run already go on.
            close: the session is closed as well, if nothing runs in it afterwards.
            seconds: how long to wait at most.

        Returns:
            What was done; None when the session manager, of another make, cannot cancel.
        """
        request = sessions_pb2.CancelRequest(
            session_id=session_id,
            task_ids=[] if task_ids is None else list(task_ids),
            pending_only=pending_only,
            close=close,
        )
        if task_ids is not None and not request.task_ids:
            return sessions_pb2.CancelResponse()
        self._check_open(f"cancel tasks of session {session_id!r}")
        try:
            reply: sessions_pb2.CancelResponse = call(
                f"cancel tasks of session {session_id!r}",
                self._cancel_rpc,
                request,
                repeatable=True,
                seconds=seconds,
                metadata=(self._client,),
            )
        except FlameError as error:
            if is_unimplemented(error):
                return None
            raise
        if reply.closed:
            self._presence.ended(session_id)
        return reply

    def _check_open(self, operation: str) -> None:
        refuse_in_forked_child(self._process)
        if self._closed:
            raise FlameError(
                FlameErrorCode.INVALID_STATE,
                f"failed to {operation}: the connection to {self.addr} is closed",
            )


@public("flamepy.core.client")
class ConnectionInstance:
    """The connection that the functions of this module share; made on first use."""

    _lock = threading.Lock()
    _connection: Connection | None = None

    @classmethod
    def instance(cls) -> Connection:
        """Return the shared connection, to the endpoint of the configuration."""
        with cls._lock:
            if cls._connection is None:
                context = current_context()
                cls._connection = Connection.connect(context.endpoint, context.tls)
            return cls._connection

    @classmethod
    def close(cls) -> None:
        """Close the shared connection; the next use makes a new one."""
        with cls._lock:
            connection, cls._connection = cls._connection, None
        if connection is not None:
            connection.close()
