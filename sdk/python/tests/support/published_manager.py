"""Clusters of another make as clients see them: by their session manager, or by their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc

from flamepy.proto import client_pb2

_FRONTEND = "/flame.v1.Frontend/"
_BEAT = "/flame.client.v1.Presence/Beat"
_STREAMS = ("WatchTask", "ListTask")


class PublishedManager:
    """Hands the calls of ``flame.v1.Frontend`` on to a session manager; others are UNIMPLEMENTED.

    Metadata of both sides stay behind.

    Args:
        endpoint: of that session manager.
        beats: clients hear that it is one of ours, and that all nodes are of another make.
    """

    def __init__(self, endpoint: str, beats: bool = False) -> None:
        self._channel = grpc.insecure_channel(endpoint.removeprefix("http://"))
        self._server = grpc.server(futures.ThreadPoolExecutor(32))
        self._server.add_generic_rpc_handlers((_Frontend(self._channel, beats),))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{port}"

    def __enter__(self) -> PublishedManager:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
        self._channel.close()


class _Frontend(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # It takes none at run time.
    def __init__(self, channel: Any, beats: bool) -> None:
        self._beats = beats
        self._channel = channel  # Without serializers: bytes go through as they are.

    def service(self, details: Any) -> Any:
        if details.method == _BEAT and self._beats:
            return grpc.unary_unary_rpc_method_handler(_beat)
        if not details.method.startswith(_FRONTEND):
            return None
        if details.method.removeprefix(_FRONTEND) in _STREAMS:
            stream: Any = self._channel.unary_stream(details.method)
            return grpc.unary_stream_rpc_method_handler(_streamed(stream))
        single: Any = self._channel.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(_answered(single))


def _beat(_request: bytes, _context: Any) -> bytes:
    return client_pb2.BeatReply(only_other_makes=True).SerializeToString()


def _answered(call: Any) -> Callable[[bytes, Any], bytes]:
    def answer(request: bytes, context: Any) -> bytes:
        try:
            reply: bytes = call(request, timeout=30)
            return reply
        except grpc.RpcError as error:
            return _refused(error, context)

    return answer


def _streamed(call: Any) -> Callable[[bytes, Any], Iterator[bytes]]:
    def answer(request: bytes, context: Any) -> Iterator[bytes]:
        replies = call(request)
        context.add_callback(replies.cancel)
        try:
            yield from replies
        except grpc.RpcError as error:
            _refused(error, context)

    return answer


def _refused(error: Any, context: Any) -> bytes:
    context.abort(error.code(), error.details())
    raise AssertionError("abort() raises")
