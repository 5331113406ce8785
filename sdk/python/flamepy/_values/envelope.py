"""The frame around what flmrun's clients and instances send each other.

::

    magic (8 bytes) | header length (uint32, little endian) | header (JSON, UTF-8) | body

The header is plain text, so that it can be read before anything is unpickled: it names the
protocol and the Python minor version that made the body. What does not begin with the magic is
of the published client (docs/flmrun.md, section 1).
"""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode, PythonVersionError
from flamepy._values.cell import Buffer

#: The first byte is in no text, no pickle and no BSON document of a sensible size.
MAGIC = b"\x89FLMRUN\n"
PROTOCOL = 1
_LENGTH = struct.Struct("<I")
_HEADER_BYTES_MAX = 1024 * 1024
#: Headers of results and requests are shorter; those of failures are longer, and of their own.
_COMMON_BYTES_MAX = 128

#: Python minor version of this process, as headers name it.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Envelope:
    """A header and a body.

    Attributes:
        header: the plain part; always has ``protocol`` and ``python``.
        body: the bytes behind it.
    """

    header: dict[str, Any]
    body: memoryview

    @property
    def python(self) -> str:
        """Python minor version that made the body."""
        return str(self.header.get("python", ""))

    def text(self, name: str) -> str:
        """Return a text of the header; empty when it is absent or no text."""
        value = self.header.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Return a list of texts of the header; empty when it is absent or another thing."""
        value = self.header.get(name)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def is_envelope(data: Buffer) -> bool:
    """Whether ``data`` is framed; otherwise it is of the published client."""
    return bytes(data[: len(MAGIC)]) == MAGIC


def seal(header: dict[str, Any], *body: Buffer) -> bytes:
    """Frame a body, given in parts; protocol and Python version are filled in."""
    return b"".join((frame_of(header), *body))


def frame_of(header: dict[str, Any]) -> bytes:
    """Return what stands before a body; protocol and Python version are filled in."""
    text = json.dumps({"protocol": PROTOCOL, "python": PYTHON, **header}).encode()
    return b"".join((MAGIC, _LENGTH.pack(len(text)), text))


def unseal(data: Buffer) -> Envelope:
    """Read a frame.

    Raises:
        FlameError: it is cut short, or of a newer protocol.
    """
    view = memoryview(data)
    start = len(MAGIC) + _LENGTH.size
    size = _LENGTH.unpack_from(view, len(MAGIC))[0] if len(view) >= start else 0
    if not is_envelope(data) or not 0 < size <= _HEADER_BYTES_MAX or len(view) < start + size:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"cannot read {len(view)} bytes: expected the frame that flamepy sends for flmrun",
        )
    text = bytes(view[start : start + size])
    header = _common_header(text) if size <= _COMMON_BYTES_MAX else _read_header(text)
    return Envelope(header, view[start + size :])


def _read_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT, f"cannot read the header of a flmrun frame: {error}"
        ) from error
    protocol = header.get("protocol") if isinstance(header, dict) else None
    if protocol != PROTOCOL:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"flmrun protocol {protocol!r} is not known here (expected {PROTOCOL}): "
            "client and executor need versions of flamepy that fit each other",
        )
    return dict(header)


#: Most frames have one of a few headers, which nobody changes.
_common_header = lru_cache(64)(_read_header)


def check_python(made_by: str, what: str) -> None:
    """Refuse a pickle of another Python minor version, before it is loaded.

    Args:
        made_by: the version that made it, such as ``3.12``.
        what: what it is, for the message.

    Raises:
        PythonVersionError: it is not this process's version.
    """
    if made_by != PYTHON:
        raise PythonVersionError(
            f"{what} was made with Python {made_by or '(unknown)'}, but would be loaded by Python "
            f"{PYTHON}: pickled code cannot cross minor versions. Run the client with Python "
            f"{PYTHON}, or set FLAME_PYTHON_VERSION={made_by or 'X.Y'} in the environments of the "
            "application so that its executors use that version"
        )
