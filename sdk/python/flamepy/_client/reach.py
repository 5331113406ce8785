"""Why there is no connection, in words: what plain sockets find where gRPC only waits."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

_PROBE_SECONDS = 1.0
_PROBE_BYTES_MAX = 65536
#: The first byte of what a listener with TLS answers to something else.
_TLS_ALERT = b"\x15"


def why_not(host: str, port: int, secure: bool, roots: bytes | None) -> str | None:
    """Return why nobody can talk gRPC with this address; None when that is not known.

    Args:
        host: a name or an address, without brackets.
        port: where it is to listen.
        secure: whether it is to speak TLS.
        roots: the authorities that are trusted then; None for those of the system.
    """
    try:
        with socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection:
            return _without_tls(connection, host) if not secure else _tls(connection, host, roots)
    except ConnectionRefusedError:
        return (
            "nothing listens there (connection refused); is the session manager running, and is "
            "this its address (FLAME_ENDPOINT)?"
        )
    except socket.gaierror as error:
        return f"no address is known for the host {host!r} ({error.strerror}); is its name right?"
    except (OSError, UnicodeError):  # A name that is none has its error elsewhere.
        return None


def _without_tls(connection: socket.socket, host: str) -> str | None:
    """Ask as a browser does: what speaks gRPC does not answer that with a page."""
    connection.sendall(
        f"GET /metrics HTTP/1.1\r\nHost: {_authority(connection, host)}\r\n".encode()
    )
    connection.sendall(b"Connection: close\r\n\r\n")
    answer = _read(connection)
    if answer.startswith(_TLS_ALERT):
        return "this port speaks TLS; its address begins with https://"
    if not answer.startswith(b"HTTP/1."):
        return None
    if b"\n# HELP flame_" in answer:
        return (
            "this is the port of a Flame daemon's metrics, not the one that a session manager has "
            "for clients"
        )
    return "a web server answers on this port, not a session manager"


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


def _tls(connection: socket.socket, host: str, roots: bytes | None) -> str | None:
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
            return "this port speaks no TLS; without TLS its address begins with http://"
    return None
