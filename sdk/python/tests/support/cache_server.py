"""A small object cache on pyarrow's Flight server, as docs/object-cache.md describes it."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pyarrow
import pyarrow.flight as flight

from flamepy._objects import bson
from flamepy._objects.cache_types import CACHE_VERSION_METADATA_KEY
from flamepy._values import native

_RESPONSE = pyarrow.schema(
    [
        pyarrow.field("version", pyarrow.uint64(), nullable=False),
        pyarrow.field("kind", pyarrow.utf8(), nullable=False),
        pyarrow.field("data", pyarrow.binary(), nullable=False),
    ]
)


class _Headers(flight.ServerMiddleware):  # type: ignore[misc]
    def __init__(self, headers: dict[str, list[str]]) -> None:
        super().__init__()
        self.headers = headers


class _KeepHeaders(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def start_call(self, info: Any, headers: dict[str, list[str]]) -> Any:
        return _Headers(headers)


class CacheServer(flight.FlightServerBase):  # type: ignore[misc]
    """Keeps objects in memory; ``puts`` and ``gets`` count the calls."""

    def __init__(self) -> None:
        super().__init__("grpc://127.0.0.1:0", middleware={"headers": _KeepHeaders()})
        self.endpoint = f"grpc://127.0.0.1:{self.port}"
        self.objects: dict[str, tuple[int, Any, list[tuple[int, bytes]]]] = {}
        self.sent: list[str] = []
        self.puts = 0
        self._lock = threading.Lock()

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        table = reader.read_all()
        expected = context.get_middleware("headers").headers.get("flame-expected-version")
        with self._lock:
            self.puts += 1
            if descriptor.command:
                key = descriptor.command.decode().removeprefix("PATCH:")
            else:
                key = descriptor.path[0].decode()
                durable = context.get_middleware("headers").headers.get("flame-durable")
                mark = "unsynced-" if durable == ["false"] else ""
                key += f"/{mark}{uuid.uuid4()}" if key.count("/") == 1 else ""
            version, base, patches = self.objects.get(key, (0, None, []))
            if expected and int(expected[0]) != version:
                raise flight.FlightServerError(
                    f"not changed: expected version {expected[0]}, its current version is {version}"
                )
            is_native = native.is_native(table.schema)
            data = b"" if is_native else b"".join(table.column(1).to_pylist())
            if descriptor.command:
                entry = (version + 1, base, [*patches, (version + 1, data)])
            elif is_native:
                entry = (version + 1, table, [])
            else:
                entry = (version + 1, data, [])
            self.objects[key] = entry
        writer.write(bson.encode_ref(self.endpoint, key, version + 1))

    def do_get(self, context: Any, ticket: Any) -> Any:
        key, _, known = ticket.ticket.decode().partition(":")
        with self._lock:
            if key not in self.objects:
                if "/unsynced-" in key:
                    raise KeyError(f'the object "{key}" is lost: put it again')
                raise KeyError(f"no object {key}")
            version, base, patches = self.objects[key]
        if int(known or 0) == version:
            return flight.RecordBatchStream(_RESPONSE.empty_table())
        self.sent.append(key)
        if isinstance(base, pyarrow.Table):
            metadata = {**base.schema.metadata, CACHE_VERSION_METADATA_KEY: str(version).encode()}
            return flight.RecordBatchStream(base.replace_schema_metadata(metadata))
        rows = [(version - len(patches), "base", base)]
        rows += [(number, "patch", data) for number, data in patches]
        batch = pyarrow.record_batch([list(row) for row in zip(*rows, strict=True)], _RESPONSE)
        return flight.RecordBatchStream(pyarrow.Table.from_batches([batch]))

    def do_action(self, context: Any, action: Any) -> list[Any]:
        key = action.body.to_pybytes().decode()
        prefix = key.removesuffix("*") if key.endswith("/*") else f"{key}/"
        with self._lock:
            for name in [n for n in self.objects if n == key or n.startswith(prefix)]:
                del self.objects[name]
        return [flight.Result(b"OK")]
