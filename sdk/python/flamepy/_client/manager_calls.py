"""Calls of a session manager on one channel."""

from __future__ import annotations

import os
from typing import Any

import grpc

from flamepy._client.channel import CALL_SECONDS, call, is_unimplemented, to_flame_error
from flamepy._client.presence import client_id
from flamepy._client.reach import SESSION_MANAGER, other_port
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._process.forks import refuse_in_forked_child
from flamepy.proto import client_pb2, client_pb2_grpc, frontend_pb2_grpc

#: Of a session that is not to end with its client: docs/protocol.md, "Unused sessions".
_KEEP = ("flame-session-keep", "true")


class ManagerCalls:
    """The calls that a connection makes, until it is closed; not in a forked child.

    Attributes:
        addr: address of the session manager.
        frontend: the stub of its Frontend service, for streams.
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
        self._client = ("flame-client", client_id())
        self._reads_frames: bool | None = None

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
        try:
            return call(
                operation, rpc, request, repeatable=repeatable, seconds=seconds, metadata=metadata
            )
        except FlameError as error:
            if not is_unimplemented(error):
                raise
            port = other_port(self._channel, SESSION_MANAGER)
            if port is None:
                raise
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                f"failed to {operation}: {self.addr} is {port}, not the one that a session manager "
                "has for clients; is FLAME_ENDPOINT right?",
            ) from error

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

    def _check_open(self, operation: str) -> None:
        refuse_in_forked_child(self._process)
        if self._closed:
            raise FlameError(
                FlameErrorCode.INVALID_STATE,
                f"failed to {operation}: the connection to {self.addr} is closed",
            )
