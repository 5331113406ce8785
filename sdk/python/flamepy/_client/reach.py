"""Why there is no connection, in words: what plain sockets find where gRPC only waits."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True)
class Server:
    """What a client wants to find at an address, in the words of its errors.

    Attributes:
        name: with its article.
        service: of gRPC, which its port has and no other port of Flame.
        setting: the environment variable that has its address.
        plain: scheme of its address without TLS.
        secure: scheme of its address with TLS.
    """

    name: str
    service: str
    setting: str
    plain: str
    secure: str


SESSION_MANAGER = Server(
    "the session manager", "flame.v1.Frontend", "FLAME_ENDPOINT", "http", "https"
)
OBJECT_CACHE = Server(
    "the object cache",
    "arrow.flight.protocol.FlightService",
    "FLAME_CACHE_ENDPOINT",
    "grpc",
    "grpcs",
)

#: What the daemons of Flame say by their health of each of their ports.
_PORTS = {
    SESSION_MANAGER.service: "the port that a session manager has for clients",
    "flame.v1.Backend": "the port that a session manager has for its nodes",
    OBJECT_CACHE.service: "the port of an object cache",
}
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
#: Of a field of ``HealthCheckRequest``: its number and that it is a text (grpc.health.v1).
_SERVICE_FIELD = b"\x0a"

_PROBE_SECONDS = 1.0
_PROBE_BYTES_MAX = 65536
#: The first byte of what a listener with TLS answers to something else.
_TLS_ALERT = b"\x15"


def other_port(channel: grpc.Channel, wanted: Server) -> str | None:
    """Return which other port of Flame a channel leads to; None when what answers does not say."""
    import grpc  # Not above: services, which load this module, do without.

    ask: Any = channel.unary_unary(_HEALTH_CHECK, None, None)
    for service, port in _PORTS.items():
        if service == wanted.service:
            continue
        request = _SERVICE_FIELD + bytes([len(service)]) + service.encode()
        with suppress(grpc.RpcError):
            ask(request, timeout=_PROBE_SECONDS)
            return port
    return None


def why_not(server: Server, host: str, port: int, secure: bool, roots: bytes | None) -> str | None:
    """Return why nobody can talk gRPC with this address; None when that is not known.

    Args:
        server: what is wanted there.
        host: a name or an address, without brackets.
        port: where it is to listen.
        secure: whether it is to speak TLS.
        roots: the authorities that are trusted then; None for those of the system.
    """
    try:
        with socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection:
            if secure:
                return _tls(server, connection, host, roots)
            return _without_tls(server, connection, host)
    except ConnectionRefusedError:
        return (
            f"nothing listens there (connection refused); is {server.name} running, and is "
            f"this its address ({server.setting})?"
        )
    except socket.gaierror as error:
        return f"no address is known for the host {host!r} ({error.strerror}); is its name right?"
    except (OSError, UnicodeError):  # A name that is none has its error elsewhere.
        return None


def _without_tls(server: Server, connection: socket.socket, host: str) -> str | None:
    """Ask as a browser does: what speaks gRPC does not answer that with a page."""
    connection.sendall(
        f"GET /metrics HTTP/1.1\r\nHost: {_authority(connection, host)}\r\n".encode()
    )
    connection.sendall(b"Connection: close\r\n\r\n")
    answer = _read(connection)
    if answer.startswith(_TLS_ALERT):
        return f"this port speaks TLS; its address begins with {server.secure}://"
    if not answer.startswith(b"HTTP/1."):
        return None
    if b"\n# HELP flame_" in answer:
        return f"this is the port of a Flame daemon's metrics, not that of {server.name}"
    return f"a web server answers on this port, not {server.name}"


def _authority(connection: socket.socket, host: str) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{connection.getpeername()[1]}"


def _read(connection: socket.socket) -> bytes:
    """Read what comes within a second, up to a limit."""
    deadline = time.monotonic() + _PROBE_SECONDS
    answer = b""
    with suppress(OSError):
        while len(answer) < _PROBE_BYTES_MAX:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            more = connection.recv(_PROBE_BYTES_MAX)
            if not more:
                break
            answer += more
    return answer


def _tls(server: Server, connection: socket.socket, host: str, roots: bytes | None) -> str | None:
    import ssl  # Only here: most clusters of one machine have no TLS.

    # Files of authorities may have comments in any encoding; certificates are ASCII.
    authorities = None if roots is None else roots.decode("ascii", "ignore")
    context = ssl.create_default_context(cadata=authorities)
    # Newer Pythons ask for more of an authority than gRPC does.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["h2"])
    try:
        context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return (
            f"its certificate is not trusted ({error.verify_message.rstrip('.')}); "
            "name its authority with FLAME_CA_FILE or ca_file, and use a name that it has"
        )
    except ssl.SSLError as error:
        if error.reason in (
            "WRONG_VERSION_NUMBER",
            "PACKET_LENGTH_TOO_LONG",
            "RECORD_LAYER_FAILURE",
        ):
            return f"this port speaks no TLS; without TLS its address begins with {server.plain}://"
    return None
