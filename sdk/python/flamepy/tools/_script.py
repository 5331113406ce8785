"""What goes between a sandbox and the service of flmexec (docs/protocol.md, section 23)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode, FlameValueError
from flamepy._model.types import ResourceRequirement
from flamepy._names.public import public

_LANGUAGES = ("python", "shell")


@public("flamepy.tools.sandbox")
@dataclass(frozen=True)
class SandboxAttr:
    """What a sandbox is created with.

    Attributes:
        language: of its scripts, ``python`` or ``shell``, in any case of letters.
        runtime: for Python a version such as ``3.12``, for shell scripts a shell such as ``sh``;
            None for flmrun's Python, and for bash.
        min_instances: instances that are kept even when no script waits.
        max_instances: most scripts at a time; None for no limit.
        resreq: what one script needs; None for the cluster's default.
    """

    language: str
    runtime: str | None = None
    min_instances: int = 0
    max_instances: int | None = None
    resreq: ResourceRequirement | None = None


@public("flamepy.tools.sandbox")
@dataclass
class SandboxOutput:
    """What a script printed on its standard output."""

    data: bytes

    def text(self, encoding: str = "utf-8") -> str:
        """Return it as text.

        Raises:
            UnicodeDecodeError: it is none in this encoding.
        """
        return self.data.decode(encoding)


def normalized(attr: SandboxAttr) -> SandboxAttr:
    """Return a copy with the language as flmexec writes it.

    Raises:
        FlameValueError: something of it is of another type, or the language is unknown.
    """
    if not isinstance(attr, SandboxAttr):
        raise FlameValueError(f"attr must be a SandboxAttr, got a {type(attr).__name__}")
    language = attr.language.strip().lower() if isinstance(attr.language, str) else None
    if language not in _LANGUAGES:
        raise FlameValueError(f"language must be 'python' or 'shell', got {attr.language!r}")
    if attr.runtime is not None and not isinstance(attr.runtime, str):
        raise FlameValueError(
            f"runtime must be a text such as '3.12' or 'bash', got {attr.runtime!r}"
        )
    resreq = None if attr.resreq is None else replace(attr.resreq)
    return replace(attr, language=language, resreq=resreq)


def encode_attr(attr: SandboxAttr) -> bytes:
    """Return the common data of a sandbox's session."""
    return json.dumps(asdict(attr)).encode()


def decode_attr(data: bytes | None) -> SandboxAttr:
    """Read the common data of a sandbox's session.

    Raises:
        FlameValueError: it is no such data.
    """
    try:
        told = json.loads(data or b"")
        resreq = told.get("resreq")
        known = {name: told[name] for name in SandboxAttr.__dataclass_fields__ if name in told}
        known["resreq"] = None if resreq is None else ResourceRequirement(**resreq)
        return normalized(SandboxAttr(**known))
    except FlameError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise FlameValueError(
            f"session common_data is not a Sandbox attr: {error}; was the session made by "
            "Sandbox.create?"
        ) from error


def encode_script(language: str, runtime: str | None, code: str, input_data: bytes | None) -> bytes:
    """Return the input of a script's task.

    Raises:
        FlameValueError: the script is no text, or its input no bytes.
    """
    if not isinstance(code, str):
        raise FlameValueError(f"code must be a text, got a {type(code).__name__}")
    if input_data is not None and not isinstance(input_data, bytes):
        raise FlameValueError(f"input must be bytes or None, got a {type(input_data).__name__}")
    script: dict[str, Any] = {
        "language": language,
        "code": code,
        "input": None if input_data is None else list(input_data),
    }
    if runtime is not None:
        script["runtime"] = runtime
    return json.dumps(script).encode()


def decode_output(data: bytes | None) -> SandboxOutput:
    """Read the output of a script's task; without one nothing was printed.

    Raises:
        FlameError: it is no such output.
    """
    if data is None:
        return SandboxOutput(b"")
    try:
        return SandboxOutput(bytes(json.loads(data)["data"]))
    except (ValueError, TypeError, KeyError) as error:
        raise FlameError(
            FlameErrorCode.INTERNAL, f"response is not valid flmexec output JSON: {error}"
        ) from error
