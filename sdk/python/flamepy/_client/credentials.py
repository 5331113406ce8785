"""Trust roots, client certificates and tokens, read from their files."""

from __future__ import annotations

from pathlib import Path

from flamepy._client.config import FlameClientTls
from flamepy._model.errors import FlameError, FlameErrorCode

#: Where operating systems keep their trust roots: Debian, Red Hat, Alpine and macOS.
_SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def trust_roots(tls: FlameClientTls | None) -> bytes | None:
    """Return the authorities of ``ca_file``, else the system's; None when there are none."""
    if tls is not None and tls.ca_file:
        return _read("CA file", tls.ca_file)
    import ssl  # Only here: a service on a node has a file, or no TLS.

    for file in (ssl.get_default_verify_paths().cafile, *_SYSTEM_ROOTS):
        if file and Path(file).is_file():
            return _read("CA file", file)
    return None


def certificate(tls: FlameClientTls | None) -> tuple[bytes, bytes] | None:
    """Return the client's own certificate and its key, if it has one."""
    if tls is None or not (tls.cert_file or tls.key_file):
        return None
    if not (tls.cert_file and tls.key_file):
        raise FlameError(
            FlameErrorCode.INVALID_CONFIG,
            f"a client certificate needs its key: {tls.cert_file or tls.key_file} is named alone; "
            "name both, cert_file and key_file (FLAME_CERT_FILE, FLAME_KEY_FILE)",
        )
    return _read("certificate", tls.cert_file), _read("key file", tls.key_file)


def authorization(tls: FlameClientTls | None) -> str | None:
    """Return the value of the ``authorization`` header, if there is a token."""
    if tls is None or not tls.token_file:
        return None
    text = _read("token file", tls.token_file).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    # Lines with the hashes of tokens stand beside them where the file is that of a server.
    plain = (line for line in lines if line and not line.startswith("#") and " " not in line)
    token = next(plain, "")
    if not token or not all("!" <= character <= "~" for character in token):
        raise FlameError(
            FlameErrorCode.INVALID_CONFIG,
            f"the token file {tls.token_file} has no usable token: expected one of ASCII "
            "characters without blanks, on a line of its own",
        )
    return f"Bearer {token}"


def _read(what: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise FlameError(
            FlameErrorCode.INVALID_CONFIG, f"cannot read the {what} {file}: {error}"
        ) from error
