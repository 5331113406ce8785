"""The BSON document of an object reference, by hand.

A reference is ``{endpoint: string, key: string, version: int}``, in that order and nothing else.
That is all the BSON Flame uses, so no BSON library is needed.
"""

import struct

_STRING = 0x02
_INT32 = 0x10
_INT64 = 0x12
_INT32_MAX = 2**31 - 1


def encode_ref(endpoint: str, key: str, version: int) -> bytes:
    """Return the BSON document of a reference.

    Args:
        endpoint: address of the object cache, such as ``grpc://127.0.0.1:9090``.
        key: ``<application>/<session>/<object>``.
        version: version of the object, 0 to 2**63 - 1.

    Raises:
        ValueError: ``version`` is out of range.
    """
    if not 0 <= version < 2**63:
        raise ValueError(f"version of object {key!r} is {version}: expected 0 to 2**63 - 1")
    body = _string_element("endpoint", endpoint) + _string_element("key", key)
    if version <= _INT32_MAX:
        body += bytes([_INT32]) + b"version\0" + struct.pack("<i", version)
    else:
        body += bytes([_INT64]) + b"version\0" + struct.pack("<q", version)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def decode_ref(data: bytes) -> tuple[str, str, int]:
    """Return ``(endpoint, key, version)`` of a reference's BSON document.

    A missing version counts as 0, as the published client does.

    Raises:
        ValueError: ``data`` is not such a document.
    """
    fields = dict(_elements(data))
    endpoint, key, version = fields.get("endpoint"), fields.get("key"), fields.get("version", 0)
    if fields.keys() - {"endpoint", "key", "version"}:
        raise ValueError(f"not an object reference: unexpected fields {sorted(fields)}")
    if not isinstance(endpoint, str) or not isinstance(key, str) or not isinstance(version, int):
        raise ValueError(
            f"not an object reference: expected endpoint, key and version, got {sorted(fields)}"
        )
    return endpoint, key, version


def _string_element(name: str, value: str) -> bytes:
    text = value.encode() + b"\0"
    return bytes([_STRING]) + name.encode() + b"\0" + struct.pack("<i", len(text)) + text


def _elements(data: bytes) -> list[tuple[str, str | int]]:
    if len(data) < 5 or struct.unpack_from("<i", data)[0] != len(data) or data[-1] != 0:
        raise ValueError(f"not an object reference: {len(data)} bytes that are no BSON document")
    found: list[tuple[str, str | int]] = []
    at, end = 4, len(data) - 1
    try:
        while at < end:
            kind = data[at]
            stop = data.index(b"\0", at + 1, end)
            name = data[at + 1 : stop].decode()
            at = stop + 1
            if kind == _STRING:
                length = struct.unpack_from("<i", data, at)[0]
                if length < 1 or at + 4 + length > end or data[at + 3 + length] != 0:
                    raise ValueError(f"field {name!r} passes the end of the document")
                found.append((name, data[at + 4 : at + 3 + length].decode()))
                at += 4 + length
            elif kind == _INT32:
                found.append((name, int(struct.unpack_from("<i", data, at)[0])))
                at += 4
            elif kind == _INT64:
                found.append((name, int(struct.unpack_from("<q", data, at)[0])))
                at += 8
            else:
                raise ValueError(f"field {name!r} has the unexpected type 0x{kind:02x}")
    except (ValueError, struct.error) as error:
        raise ValueError(f"not an object reference: {error}") from error
    return found
