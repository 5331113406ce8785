"""A connection to a session manager."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import grpc

from flamepy._calls.object_session import session_from
from flamepy._client.channel import (
    CALL_SECONDS,
    call,
    check_result,
    is_unimplemented,
    named_metadata,
    open_channel,
)
from flamepy._client.config import FlameClientTls
from flamepy._client.manager_calls import ManagerCalls
from flamepy._client.presence import Presence
from flamepy._logs.lines import Logs
from flamepy._logs.stream import LogStream
from flamepy._model.convert import attributes_from, from_application, from_session, to_application
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.listing import APPLICATIONS, EXECUTORS, NODES, SESSIONS, Listing
from flamepy._model.types import Application, ApplicationAttributes, SessionAttributes
from flamepy._names.public import public
from flamepy._names.short import PACKAGES_SESSION, short_name
from flamepy._packages.shipping import with_shipped
from flamepy._process.workers import Workers
from flamepy._sessions.common_data import CommonData
from flamepy._sessions.session import Session
from flamepy._streams.client_stream import ClientStream
from flamepy.proto import (
    clients_pb2_grpc,
    frontend_pb2,
    sessions_pb2,
    sessions_pb2_grpc,
    types_pb2,
)

#: Watches at a time. Tasks run in the order of their creation, so a later one seldom ends while
#: this many earlier ones do not; its future then resolves late, and nothing is lost.
_WATCHES_MAX = 256
#: Results that are too large for a stream and fetched at once; each is in memory as a whole.
_FETCHES_MAX = 16
#: Codes that say for sure that nothing was created.
_REFUSALS = (
    FlameErrorCode.INVALID_ARGUMENT,
    FlameErrorCode.INVALID_STATE,
    FlameErrorCode.ALREADY_EXISTS,
    FlameErrorCode.NOT_FOUND,
)


@public("flamepy.core.client")
class Connection(ManagerCalls):
    """A connection to a session manager; safe to be used by many threads.

    Use :func:`connect` to make one. As a context manager it closes at the end. A process that was
    forked from one that has it cannot use it, which is a FlameError there.

    Attributes:
        addr: address of the session manager.
    """

    def __init__(self, addr: str, channel: grpc.Channel) -> None:
        super().__init__(addr, channel)
        sessions_stub: Any = sessions_pb2_grpc.SessionsStub  # Generated without types.
        self._cancel_rpc = sessions_stub(channel).Cancel
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
