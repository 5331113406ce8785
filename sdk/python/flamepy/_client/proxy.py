"""The proxy that gRPC takes out of the environment, and where it is left out."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

#: In the order in which the gRPC library looks at them, whatever the scheme of the endpoint.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_DIRECT_VARIABLES = ("no_grpc_proxy", "no_proxy")


def channel_options(host: str) -> list[tuple[str, int]]:
    """Return the options of a channel to ``host``: a machine's own addresses are dialled directly.

    Whoever sets a proxy for the company's network seldom sets ``no_proxy`` too, and no proxy can
    reach a loopback address.
    """
    return [("grpc.enable_http_proxy", 0)] if _is_own_machine(host) else []


def proxy_text(host: str) -> str:
    """Return ``through the proxy "http://proxy:3128" of https_proxy``, with a blank before it.

    Empty when ``host`` is dialled directly. User and password of the proxy are left out.
    """
    name = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if name is None or _is_own_machine(host) or _is_direct(host):
        return ""
    url = urlsplit(os.environ[name])
    shown = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    return f' through the proxy "{shown}" of {name}'


def _is_own_machine(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _is_direct(host: str) -> bool:
    name = next((name for name in _DIRECT_VARIABLES if os.environ.get(name)), None)
    listed = [] if name is None else os.environ[name].split(",")
    return any(_is_listed(host, entry.strip()) for entry in listed if entry.strip())


def _is_listed(host: str, entry: str) -> bool:
    address = _address(host)
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    return host.lower().endswith(entry.lower())


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
