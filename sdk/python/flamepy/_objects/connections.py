"""Connections to object caches, and what each call to them carries.

pyarrow is imported on first use: clients that send no large objects never pay for it.
"""

from __future__ import annotations

import os
import threading
import uuid
from typing import Any

from flamepy._client.config import FlameClientTls, current_context
from flamepy._client.credentials import authorization, certificate, trust_roots
from flamepy._client.proxy import channel_options
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._objects.cache_types import GRPC_OPTIONS
from flamepy._objects.flight_errors import host_of, text_of
from flamepy._objects.shared import SHARE_HEADER, Share, Shares
from flamepy._process.forks import refuse_in_forked_child

_CALL_SECONDS = 300.0

_clients: dict[tuple[str, object], Any] = {}
_clients_lock = threading.Lock()
_shares = Shares()
_used_by: int | None = None


def client_of(endpoint: str, tls: FlameClientTls | None) -> Any:
    """Return the connection to a cache, made when it is first needed."""
    import pyarrow.flight

    global _used_by
    refuse_in_forked_child(_used_by)
    _used_by = os.getpid()
    location = _location(endpoint)
    files = (tls.ca_file, tls.cert_file, tls.key_file) if tls else None
    with _clients_lock:
        client = _clients.get((location, files))
        if client is None:
            generic = [*GRPC_OPTIONS, *channel_options(host_of(endpoint))]
            options: dict[str, Any] = {"generic_options": generic}
            if location.startswith("grpc+tls://"):
                own = certificate(tls)
                options["tls_root_certs"] = trust_roots(tls)
                if own is not None:
                    options["cert_chain"], options["private_key"] = own
            try:
                client = pyarrow.flight.FlightClient(location, **options)
            except (pyarrow.ArrowException, ValueError) as error:
                raise FlameError(
                    FlameErrorCode.INVALID_CONFIG,
                    f"object cache endpoint {endpoint!r}: {text_of(error)}; "
                    "expected grpc://host:port or grpcs://host:port",
                ) from error
            _clients[location, files] = client
        return client


def options_of(
    endpoint: str, tls: FlameClientTls | None, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Any:
    """Return the options of one call: credentials, an id for the cache's log, and ``headers``."""
    import pyarrow.flight

    named = [(b"flame-request-id", str(uuid.uuid4()).encode())]
    bearer = authorization(tls) if trusted(endpoint, tls) else None
    if bearer is not None:
        named.append((b"authorization", bearer.encode()))
    return pyarrow.flight.FlightCallOptions(timeout=_CALL_SECONDS, headers=[*named, *headers])


def proving(share: Share | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that says that this process reads the cache's folder."""
    return () if share is None else ((SHARE_HEADER, share.proof),)


def share_of(
    endpoint: str, tls: FlameClientTls | None, configured: str | None = None
) -> Share | None:
    """Return the folder of the configured cache: a reference can name any server.

    Args:
        endpoint: of the cache that is meant.
        tls: how it is reached.
        configured: endpoint of the configured one; None: it is looked up.
    """
    location = _location(endpoint)
    if location != _location(configured or current_context().cache_endpoint):
        return None
    return _shares.of(location, lambda: (client_of(endpoint, tls), options_of(endpoint, tls)))


def forget_share(endpoint: str) -> None:
    """Ask the cache for its folder anew the next time."""
    _shares.forget(_location(endpoint))


def forget_clients() -> None:
    """Close all connections to object caches."""
    _shares.forget()
    with _clients_lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


def trusted(endpoint: str, tls: FlameClientTls | None) -> bool:
    """Whether the token may go there: a reference can name any server.

    It goes to the configured cache, and to one that our own authority vouches for.
    """
    location = _location(endpoint)
    if location == _location(current_context().cache_endpoint):
        return True
    return location.startswith("grpc+tls://") and tls is not None and bool(tls.ca_file)


def _location(endpoint: str) -> str:
    """Return an endpoint as Arrow Flight writes it."""
    location = endpoint.rstrip("/")
    if location.startswith("grpcs://"):
        location = "grpc+tls://" + location.removeprefix("grpcs://")
    return location
