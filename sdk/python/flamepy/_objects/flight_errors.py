"""Errors of calls to an object cache, in our form."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from flamepy._client.config import FlameClientTls
from flamepy._client.credentials import trust_roots
from flamepy._client.proxy import channel_options, proxy_text
from flamepy._client.reach import OBJECT_CACHE, other_port, why_not
from flamepy._model.errors import (
    FlameError,
    FlameErrorCode,
    FlameValueError,
    ObjectLostError,
    ObjectNotFoundError,
)
from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT

#: What the cache says of an object that a power cut took.
_LOST = re.compile(r"the object \".*\" is lost: ")
_RETRY_SECONDS = 5.0
_RETRY_FIRST_SECONDS = 0.05


class VersionConflict(FlameError):
    """A conditional put found another version than the expected one; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.INVALID_STATE, message)


#: Endpoints whose cache has answered this process: when it is away it may well come back.
_answered: set[str] = set()


def reported[T](
    call: Callable[[], T], endpoint: str, tls: FlameClientTls | None, what: str, retry: bool
) -> T:
    """Run a Flight call; repeat while the cache cannot be reached; give its errors our form.

    A cache that never answered this process is not waited for where it is known why: its address
    is wrong, or it is not up. A service waits all the same: others have found this cache.
    """
    import pyarrow
    import pyarrow.flight

    deadline = time.monotonic() + _RETRY_SECONDS
    pause = _RETRY_FIRST_SECONDS
    while True:
        try:
            result = call()
            _answered.add(endpoint)
            return result
        except pyarrow.flight.FlightUnavailableError as error:
            reason = _why_not(endpoint, tls)
            if reason is not None:
                text = f"cannot {what}: failed to connect to {endpoint}: {reason}"
                raise FlameError(FlameErrorCode.INVALID_CONFIG, text) from error
            if not retry or time.monotonic() + pause > deadline:
                raise FlameError(
                    FlameErrorCode.INTERNAL,
                    f"cannot {what}: no object cache answers at {endpoint}"
                    f"{proxy_text(host_of(endpoint))}; "
                    f"is it running, and is FLAME_CACHE_ENDPOINT right? ({text_of(error)})",
                ) from error
        except KeyError as error:
            text = text_of(error)
            if _LOST.search(text):
                raise ObjectLostError(f"cannot {what} from {endpoint}: {text}") from error
            raise ObjectNotFoundError(f"cannot {what}: not found at {endpoint}: {text}") from error
        except NotImplementedError as error:  # Which pyarrow's is.
            raise _not_a_cache(endpoint, what, text_of(error)) from error
        except (pyarrow.ArrowException, OSError) as error:
            text = text_of(error)
            if "expected version" in text:
                raise VersionConflict(f"cannot {what}: {text}") from error
            said = f"cannot {what} at {endpoint}: {text}"
            if isinstance(error, pyarrow.ArrowInvalid):
                raise FlameValueError(said) from error
            raise FlameError(FlameErrorCode.INTERNAL, said) from error
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _why_not(endpoint: str, tls: FlameClientTls | None) -> str | None:
    """Return why no cache answers; None when that is not known, or it may come back."""
    address = _address_of(endpoint)
    if address is None or endpoint in _answered or os.environ.get(FLAME_INSTANCE_ENDPOINT):
        return None
    host, port, secure = address
    if proxy_text(host):
        return None
    return why_not(OBJECT_CACHE, host, port, secure, trust_roots(tls) if secure else None)


def _not_a_cache(endpoint: str, what: str, text: str) -> FlameError:
    """Return the error for a server that does not know what only caches know."""
    address = _address_of(endpoint)
    port = None
    if address is not None and not address[2]:
        import grpc  # Not above: services, which load this module, do without.

        host, number, _ = address
        target = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
        with grpc.insecure_channel(target, options=channel_options(host)) as channel:
            port = other_port(channel, OBJECT_CACHE)
    found = "what answers there is no object cache" if port is None else f"this is {port}"
    return FlameError(
        FlameErrorCode.INVALID_CONFIG,
        f"cannot {what} at {endpoint}: {found}; is FLAME_CACHE_ENDPOINT right? ({text})",
    )


def text_of(error: BaseException) -> str:
    """Return what the cache said, without what pyarrow puts around it."""
    text = str(error.args[0]) if error.args else type(error).__name__
    text = re.split(r"\. (?:gRPC client debug|Client) context:", text)[0]
    return text.split(" error, with message: ", 1)[-1]


def _address_of(endpoint: str) -> tuple[str, int, bool] | None:
    """Return host, port and whether TLS is asked for; None for what is no address."""
    try:
        url = urlsplit(endpoint)
        if url.hostname is None or url.port is None:
            return None
    except ValueError:
        return None
    return url.hostname, url.port, url.scheme in ("grpcs", "grpc+tls")


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint; empty when it has none."""
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""  # Whoever dials it says what is wrong with it.
