"""Errors of calls to an object cache, in our form."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from flamepy._client.proxy import proxy_text
from flamepy._model.errors import (
    FlameError,
    FlameErrorCode,
    FlameValueError,
    ObjectLostError,
    ObjectNotFoundError,
)

#: What the cache says of an object that a power cut took.
_LOST = re.compile(r"the object \".*\" is lost: ")
_RETRY_SECONDS = 5.0
_RETRY_FIRST_SECONDS = 0.05


class VersionConflict(FlameError):
    """A conditional put found another version than the expected one; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(FlameErrorCode.INVALID_STATE, message)


def reported[T](call: Callable[[], T], endpoint: str, what: str, retry: bool) -> T:
    """Run a Flight call; repeat while the cache cannot be reached; give its errors our form."""
    import pyarrow
    import pyarrow.flight

    deadline = time.monotonic() + _RETRY_SECONDS
    pause = _RETRY_FIRST_SECONDS
    while True:
        try:
            return call()
        except pyarrow.flight.FlightUnavailableError as error:
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


def text_of(error: BaseException) -> str:
    """Return what the cache said, without what pyarrow puts around it."""
    text = str(error.args[0]) if error.args else type(error).__name__
    text = re.split(r"\. (?:gRPC client debug|Client) context:", text)[0]
    return text.split(" error, with message: ", 1)[-1]


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint; empty when it has none."""
    try:
        return urlsplit(endpoint).hostname or ""
    except ValueError:
        return ""  # Whoever dials it says what is wrong with it.
