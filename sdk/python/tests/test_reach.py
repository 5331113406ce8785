"""A wrong address says what is wrong with it, and at once."""

from __future__ import annotations

import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc
import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode
from flamepy._objects import flight_errors


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
        (_web_server(), "http", "a web server answers on this port, not the session manager"),
        (
            _web_server(_METRICS),
            "http",
            "this is the port of a Flame daemon's metrics, not that of the session manager",
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


@pytest.mark.parametrize(
    ("server", "scheme", "words"),
    [
        (_closed_port(), "grpc", "nothing listens there (connection refused); is the object cache"),
        (_web_server(), "grpc", "a web server answers on this port, not the object cache"),
        (_speaker(_ALERT), "grpc", "this port speaks TLS; its address begins with grpcs://"),
        (
            _web_server(),
            "grpcs",
            "this port speaks no TLS; without TLS its address begins with grpc:",
        ),
    ],
)
def test_says_what_is_where_an_object_cache_should_be(
    server: AbstractContextManager[int],
    scheme: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It would repeat the call as long as this.
    monkeypatch.setattr(flight_errors, "_RETRY_SECONDS", 600.0)
    with server as port:
        address = f"{scheme}://127.0.0.1:{port}"
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", address)
        expected = re.escape(f"failed to connect to {address}: {words}")
        with pytest.raises(FlameError, match=expected) as caught:
            flamepy.put_object("app/ssn", 1)
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG


def test_waits_for_a_cache_that_has_answered_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight_errors, "_RETRY_SECONDS", 0.1)
    with _closed_port() as port:
        address = f"grpc://127.0.0.1:{port}"
        monkeypatch.setattr(flight_errors, "_answered", {address})
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", address)
        with pytest.raises(FlameError, match=f"no object cache answers at {address}"):
            flamepy.put_object("app/ssn", 1)


def test_a_service_waits_for_its_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight_errors, "_RETRY_SECONDS", 0.1)
    monkeypatch.setenv("FLAME_INSTANCE_ENDPOINT", "/tmp/none")
    with _closed_port() as port:
        address = f"grpc://127.0.0.1:{port}"
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", address)
        with pytest.raises(FlameError, match=f"no object cache answers at {address}"):
            flamepy.put_object("app/ssn", 1)


def test_grpc_adds_no_lines_of_its_own() -> None:
    program = (
        "import flamepy, sys\ntry: flamepy.connect(sys.argv[1])\nexcept flamepy.FlameError: pass"
    )
    environment = {**os.environ}
    environment.pop("GRPC_VERBOSITY", None)
    with _web_server() as port:
        run = subprocess.run(
            [sys.executable, "-c", program, f"https://127.0.0.1:{port}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert run.stderr == ""


class _PartOfFlame(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Refuses every call as our daemons do, and says by its health which service it has."""

    def __init__(self, service: str) -> None:
        self._service = service

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if details.method == "/grpc.health.v1.Health/Check":
                if request[2:].decode() == self._service:
                    return b"\x08\x01"
                context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
            text = f"The server does not implement the method {details.method}"
            context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def _part_of_flame(service: str) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[_PartOfFlame(service)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("arrow.flight.protocol.FlightService", "is the port of an object cache, not the one that"),
        ("flame.v1.Backend", "is the port that a session manager has for its nodes, not the one"),
        ("", "what answers there is not the session manager's port for clients"),
    ],
)
def test_says_whose_port_it_is(service: str, words: str) -> None:
    with (
        _part_of_flame(service) as port,
        flamepy.connect(f"http://127.0.0.1:{port}") as connection,
        pytest.raises(FlameError, match=words),
    ):
        connection.list_applications()


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("flame.v1.Frontend", "this is the port that a session manager has for clients"),
        ("flame.v1.Backend", "this is the port that a session manager has for its nodes"),
        ("", "what answers there is no object cache"),
    ],
)
def test_says_whose_port_it_is_that_is_no_object_cache(
    service: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _part_of_flame(service) as port:
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", f"grpc://127.0.0.1:{port}")
        with pytest.raises(FlameError, match=f"{words}; is FLAME_CACHE_ENDPOINT right") as caught:
            flamepy.put_object("app/ssn", 1)
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
