"""A wrong address says what is wrong with it, and at once."""

from __future__ import annotations

import http.server
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc
import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode


class _Pages(http.server.BaseHTTPRequestHandler):
    """Answers every request with the text of its server."""

    def do_GET(self) -> None:
        page: bytes = self.server.page  # type: ignore[attr-defined]
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _web_server(page: bytes = b"") -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Pages) as server:
        server.page = page  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _speaker(words: bytes) -> Iterator[int]:
    """A server that says the same to everybody and hangs up, once it has heard something."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def _closed_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield port


_METRICS = b"# HELP process_cpu x\n# HELP flame_tasks_total Tasks\nflame_tasks_total 1\n"
#: What a listener with TLS answers to what is no TLS: an alert, protocol_version.
_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"


@pytest.mark.parametrize(
    ("server", "scheme", "words"),
    [
        (_closed_port(), "http", "nothing listens there (connection refused); is the session"),
        (_closed_port(), "https", "nothing listens there (connection refused); is the session"),
        (_web_server(), "http", "a web server answers on this port, not a session manager"),
        (
            _web_server(_METRICS),
            "http",
            "this is the port of a Flame daemon's metrics, not the one",
        ),
        (_speaker(_ALERT), "http", "this port speaks TLS; its address begins with https://"),
        (
            _web_server(),
            "https",
            "this port speaks no TLS; without TLS its address begins with http:",
        ),
    ],
)
def test_says_what_is_there(server: AbstractContextManager[int], scheme: str, words: str) -> None:
    with server as port:
        address = f"{scheme}://127.0.0.1:{port}"
        began = time.monotonic()
        expected = re.escape(f"failed to connect to {address}: {words}")
        with pytest.raises(FlameError, match=expected) as caught:
            flamepy.connect(address)
        took = time.monotonic() - began
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
    # gRPC would wait for 10 s.
    assert took < 5


def test_says_that_a_host_is_unknown() -> None:
    with pytest.raises(FlameError, match=r"no address is known for the host 'no-such\.invalid'"):
        flamepy.connect("http://no-such.invalid:8080")


class _OtherMake(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Refuses every call as our object cache and the port for nodes do."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
            text = f"The server does not implement the method {details.method}"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.unary_unary_rpc_method_handler(refuse)


def test_says_that_another_part_of_flame_answers() -> None:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[_OtherMake()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with (
            flamepy.connect(f"http://127.0.0.1:{port}") as connection,
            pytest.raises(FlameError, match=r"not what a session manager has for clients .*9090"),
        ):
            connection.list_applications()
    finally:
        server.stop(None).wait()
