"""Channels to the session manager, and its calls with our errors."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import grpc

from flamepy._client.config import FlameClientTls
from flamepy._client.credentials import authorization, certificate, trust_roots
from flamepy._client.proxy import channel_options, proxy_text
from flamepy._client.reach import SESSION_MANAGER, why_not
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT, refuse_in_child_of_service
from flamepy.proto import types_pb2

_DEFAULT_PORT = 8080
_READY_SECONDS = 10.0
#: What has not answered by then is looked at: where nothing listens, nothing will.
_SOON_SECONDS = 0.5
#: How long a call waits for a session manager that is being restarted.
CALL_SECONDS = 60.0
_RECEIVE_BYTES_MAX = 64 * 1024 * 1024
_KEEPALIVE_MS = 300_000
RETRY_FIRST_SECONDS = 0.05
RETRY_MAX_SECONDS = 2.0
#: How long a wait for a task looks for a session manager that is away.
AWAY_SECONDS = 600.0
#: Trailer by which a server says when a refused call may come again, in milliseconds.
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
#: A longer delay is not believed.
_REFUSAL_SECONDS_MAX = 3600.0
#: A call that is refused again and again comes in pauses of up to so many times what was asked for.
REFUSAL_FACTOR_MAX = 8

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", _RECEIVE_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    # A restarted session manager should be found again quickly, not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    # Connections of one process to one address would be shared and outlive close() otherwise.
    ("grpc.use_local_subchannel_pool", 1),
]
#: Tells the server how large a reply may be; others than ours ignore it.
METADATA = (("flame-receive-max", str(_RECEIVE_BYTES_MAX)),)

#: A stream that broke off. UNKNOWN is what a cut HTTP/2 stream can give.
_BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)

_CODES = {
    grpc.StatusCode.NOT_FOUND: FlameErrorCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: FlameErrorCode.ALREADY_EXISTS,
    grpc.StatusCode.INVALID_ARGUMENT: FlameErrorCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE: FlameErrorCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FlameErrorCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION: FlameErrorCode.INVALID_STATE,
}


def named_metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata of one call, with an id of its own that the server's logs name."""
    return (*METADATA, ("flame-request-id", str(uuid.uuid4())))


def open_channel(address: str, tls: FlameClientTls | None) -> grpc.Channel:
    """Connect, and wait until the server answers.

    Args:
        address: ``http://host:port`` or ``https://host:port``; the default port is 8080.
        tls: trust roots for https, certificate and token; None for the system's roots and neither.

    Raises:
        FlameError: INVALID_CONFIG, when the address is no such URL, a file cannot be read, nothing
            listens there, something else does, or nothing answers within 10 seconds.
    """
    refuse_in_child_of_service()
    host, target, secure = _target(address)
    options = [*_OPTIONS, *channel_options(host)]
    bearer = authorization(tls)
    if secure:
        channel = grpc.secure_channel(target, _credentials(tls), options=options)
    else:
        channel = grpc.insecure_channel(target, options=options)
    try:
        _await_ready(channel, address, tls)
    except BaseException:  # Ctrl-C, too.
        channel.close()
        raise
    return channel if bearer is None else grpc.intercept_channel(channel, _Bearer(bearer))


def _await_ready(channel: grpc.Channel, address: str, tls: FlameClientTls | None) -> None:
    """Wait until the server answers, or until it is known that it will not.

    A service waits all the time there is: its session manager did answer, and may be restarting.
    """
    host, target, secure = _target(address)
    through = proxy_text(host)
    ready = grpc.channel_ready_future(channel)
    with suppress(grpc.FutureTimeoutError):
        ready.result(timeout=min(_SOON_SECONDS, _READY_SECONDS))
        return
    reason = None
    if not through and not os.environ.get(FLAME_INSTANCE_ENDPOINT):
        port = int(target.rpartition(":")[2])
        roots = trust_roots(tls) if secure else None
        reason = why_not(SESSION_MANAGER, host, port, secure, roots)
    if reason is None:
        with suppress(grpc.FutureTimeoutError):
            ready.result(timeout=max(_READY_SECONDS - _SOON_SECONDS, 0.0))
            return
        reason = (
            f"nothing answered within {_READY_SECONDS:g} s{through}; "
            "is the session manager running, and is FLAME_ENDPOINT right?"
        )
    text = f"failed to connect to {address}: {reason}"
    raise FlameError(FlameErrorCode.INVALID_CONFIG, text)


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg]
    grpc.StreamStreamClientInterceptor,  # type: ignore[type-arg]
):
    """Sends the token with every call."""

    def __init__(self, value: str) -> None:
        self._header = ("authorization", value)

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_header(details), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_header(details), request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return continuation(self._with_header(details), requests)

    def _with_header(self, details: Any) -> Any:
        return details._replace(metadata=(*(details.metadata or ()), self._header))


def call(
    operation: str,
    method: Callable[..., Any],
    request: Any,
    *,
    repeatable: bool,
    seconds: float = CALL_SECONDS,
    metadata: tuple[tuple[str, str], ...] = (),
) -> Any:
    """Make a unary call; while the server is away, wait for it.

    A refusal that says when to come again has changed nothing: the call is repeated, whatever it
    is, while there is time for it.

    Args:
        operation: what the call does, for the error text.
        repeatable: whether it may be sent again after the connection broke in the middle. A
            CreateTask may not: whether it happened is not known.
        seconds: how long to wait at most.
        metadata: what it carries beside what every call carries.

    Raises:
        FlameError: the server refused, or did not answer in time; or the connection is closed.
    """
    refuse_in_child_of_service()
    deadline = time.monotonic() + seconds
    pause = RETRY_FIRST_SECONDS
    refusals = 0
    # One name in the server's logs for the call, however often it is sent.
    metadata = (*named_metadata(), *metadata)
    while True:
        left = max(deadline - time.monotonic(), 0.0)
        try:
            return method(request, timeout=left, wait_for_ready=True, metadata=metadata)
        except grpc.RpcError as error:
            asked = retry_delay(error)
            if asked is not None:
                wait = asked * min(2**refusals, REFUSAL_FACTOR_MAX)
                refusals += 1
            elif repeatable and error.code() is grpc.StatusCode.UNAVAILABLE:
                wait = pause
                pause = min(pause * 2, RETRY_MAX_SECONDS)
            else:
                raise to_flame_error(error, operation) from error
            if time.monotonic() + wait >= deadline:
                raise to_flame_error(error, operation) from error
        except ValueError as error:  # What gRPC raises for a closed channel.
            text = f"failed to {operation}: the connection is closed"
            raise FlameError(FlameErrorCode.INVALID_STATE, text) from error
        time.sleep(wait)


def retry_delay(error: grpc.RpcError) -> float | None:
    """Return after how many seconds the server says that a refused call may come again.

    None when it does not say so. Source of the rule: docs/protocol.md, "Overload".
    """
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    # A tuple of pairs, which the stubs do not say.
    trailers: Any = error.trailing_metadata() or ()
    for key, value in trailers:
        if key == _PUSHBACK_KEY and re.fullmatch(r"[0-9]{1,9}", str(value)):
            return min(int(value) / 1000, _REFUSAL_SECONDS_MAX)
    return None


def broke_off(error: grpc.RpcError) -> bool:
    """Whether a stream ended because of the way to its server, so that it may be opened again."""
    reset = error.code() is grpc.StatusCode.INTERNAL and "RST_STREAM" in (error.details() or "")
    return reset or error.code() in _BROKEN


def code_of(status: grpc.StatusCode) -> FlameErrorCode:
    """Return our code for a status of gRPC."""
    return _CODES.get(status, FlameErrorCode.INTERNAL)


def details_of(error: grpc.RpcError) -> str:
    """Return what a gRPC error says, in words."""
    details = error.details() or error.code().name
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return f"the session manager did not answer ({details})"
    if error.code() is grpc.StatusCode.UNIMPLEMENTED and "/flame.v1.Frontend/" in details:
        return (
            f"what answers there is not the session manager's port for clients ({details}); "
            "is the port right (FLAME_ENDPOINT)? 8080 is usual"
        )
    return details


def to_flame_error(error: grpc.RpcError, operation: str) -> FlameError:
    """Return our form of a gRPC error."""
    return FlameError(code_of(error.code()), f"failed to {operation}: {details_of(error)}")


def _target(address: str) -> tuple[str, str, bool]:
    """Return host, ``host:port`` and whether TLS is asked for."""
    try:
        url = urlsplit(address)
        port = url.port or _DEFAULT_PORT
    except ValueError:
        raise _bad_address(address) from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise _bad_address(address)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return url.hostname, f"{host}:{port}", url.scheme == "https"


def _bad_address(address: str) -> FlameError:
    return FlameError(
        FlameErrorCode.INVALID_CONFIG,
        f"address of the session manager is {address!r}: expected http://host:port or "
        "https://host:port",
    )


def _credentials(tls: FlameClientTls | None) -> grpc.ChannelCredentials:
    own = certificate(tls)
    return grpc.ssl_channel_credentials(
        root_certificates=trust_roots(tls),
        private_key=own[1] if own else None,
        certificate_chain=own[0] if own else None,
    )


def is_unimplemented(error: FlameError) -> bool:
    """Tell whether the session manager, of another make, does not have what was called."""
    cause = error.__cause__
    return isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNIMPLEMENTED


def check_result(operation: str, result: types_pb2.Result) -> None:
    """Raise FlameError for an answer that says that the operation failed."""
    if result.return_code != 0:
        code = FlameErrorCode.INTERNAL
        if "already exists" in result.message:
            code = FlameErrorCode.ALREADY_EXISTS
        elif "not found" in result.message:
            code = FlameErrorCode.NOT_FOUND
        raise FlameError(code, f"failed to {operation}: {result.message}")
