"""Objects in the cache: put, get, update, patch, delete, upload, download."""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamepy._client.config import FlameClientTls, current_context
from flamepy._model.errors import FlameError, FlameValueError, ObjectNotFoundError
from flamepy._names.public import public
from flamepy._objects import bson, flight
from flamepy._objects.cache_types import FetchMode, Patch
from flamepy._objects.fetch import fetch
from flamepy._objects.file_chunks import CHUNK_BYTES, chunks_of
from flamepy._objects.keys import ObjectKey
from flamepy._objects.shared import SharedPiece
from flamepy._objects.split_rows import PlainBytes
from flamepy._values import codec, native
from flamepy._values.cell import Buffer, Cell

_HELD_OBJECTS_MAX = 1000
_HELD_BYTES_MAX = 256 * 1024 * 1024

Deserializer = Callable[[Any, list[Any]], Any]


@public("flamepy.core.cache")
@dataclass(unsafe_hash=True)
class ObjectRef:
    """Where an object is: small, and good to be sent around instead of the object.

    Attributes:
        endpoint: address of the object cache that holds it.
        key: ``<application>/<session>/<object>``.
        version: version of the object when the reference was made; getting it gives the current
            one. 0 has the object fetched as a whole, whatever this process holds of it.
    """

    endpoint: str
    key: str
    version: int = 0

    def encode(self) -> bytes:
        """Return the reference as a BSON document, as it travels on the wire."""
        return bson.encode_ref(self.endpoint, self.key, self.version)

    @classmethod
    def decode(cls, json_data: bytes) -> ObjectRef:
        """Read a reference from its BSON document (the parameter's name is that of 0.6.0).

        Raises:
            ValueError: it is no reference.
        """
        return ObjectRef(*bson.decode_ref(json_data))

    def get(self) -> Any:
        """Fetch the object; the same as :func:`flamepy.get_object`."""
        return get_object(self)

    def _carried(self) -> Callable[[], Any] | None:
        """Return what loads the value without asking the cache; None when only the cache has it."""
        return None


@dataclass
class _Held:
    """What this process holds of an object: raw, so that every get makes a fresh value."""

    version: int
    base: Any
    patches: list[Patch]
    size: int

    @property
    def is_file(self) -> bool:
        """Whether the bytes are in a file: the value may use them, and only it."""
        return isinstance(self.base, SharedPiece)


class _HeldObjects:
    """Objects fetched before, least recently used first out; saves the transfer, not the call."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, ref: ObjectRef) -> _Held | None:
        with self._lock:
            held = self._held.get((ref.endpoint, ref.key))
            if held is not None:
                self._held.move_to_end((ref.endpoint, ref.key))
            return held

    def put(self, ref: ObjectRef, held: _Held) -> None:
        with self._lock:
            self._drop((ref.endpoint, ref.key))
            if held.size > _HELD_BYTES_MAX:
                return
            self._held[ref.endpoint, ref.key] = held
            self._size += held.size
            while self._size > _HELD_BYTES_MAX or len(self._held) > _HELD_OBJECTS_MAX:
                self._drop(next(iter(self._held)))

    def drop(self, matches: Callable[[str], bool]) -> None:
        with self._lock:
            for where in [where for where in self._held if matches(where[1])]:
                self._drop(where)

    def _drop(self, where: tuple[str, str]) -> None:
        held = self._held.pop(where, None)
        if held is not None:
            self._size -= held.size


_held = _HeldObjects()
_elsewhere: ContextVar[str | None] = ContextVar("flamepy_cache", default=None)


@public("flamepy.core.cache")
def put_object(key_prefix: str, obj: Any, *, durable: bool = True) -> ObjectRef:
    """Put a value into the configured object cache.

    It is on the cache's disk when this returns. With ``durable=False`` it need not be: that is
    faster, such an object outlives the cache's process and its restarts all the same, and a power
    cut or a crash of the cache's machine may take it. Getting it then raises
    :class:`ObjectLostError`, and never gives other bytes. It cannot be patched; updating it makes
    it durable.

    Args:
        key_prefix: ``<application>/<session>``; the cache invents the object's id.
        obj: any value that cloudpickle can pickle; frames and tables are kept as Arrow data where
            that gives the same ones back.
        durable: whether it is to outlive a power cut of the cache's machine.

    Raises:
        ValueError: ``key_prefix`` has another form.
        TypeError: the value cannot be pickled; the text names the part of it. Or ``durable`` is
            neither True nor False.
        FlameError: the cache cannot be reached, or refuses.
    """
    prefix = _writable(ObjectKey.from_prefix(key_prefix)).to_prefix()
    _check_durable(durable)
    endpoint, tls = _configured()
    return _put_value(endpoint, tls, prefix, obj, durable)


def put_cell(key_prefix: str, cell: Buffer | Cell) -> ObjectRef:
    """Put bytes that are an encoded value already (see ``_values.codec``), or bytes of our form."""
    endpoint, tls = _configured()
    prefix = _writable(ObjectKey.from_prefix(key_prefix)).to_prefix()
    whole = cell if isinstance(cell, Cell) else Cell(cell)
    return ObjectRef.decode(flight.put(endpoint, tls, prefix, whole))


def update_cell(ref: ObjectRef, cell: Buffer, expected_version: int) -> ObjectRef:
    """Replace an object by bytes if its version is still ``expected_version``.

    Raises:
        VersionConflict: it is not; nothing was written.
    """
    tls = current_context().cache_tls
    answer = flight.put(ref.endpoint, tls, ref.key, Cell(cell), expected_version)
    _held.drop(lambda key: key == ref.key)
    return ObjectRef.decode(answer)


def get_cell(ref: ObjectRef, known_version: int = 0) -> tuple[int, Buffer] | None:
    """Fetch version and bytes of an object; None when ``known_version`` is the current one."""
    found = _fetch(ref, known_version)
    if found is None:
        return None
    base = found.base.mapped() if isinstance(found.base, SharedPiece) else found.base
    if not isinstance(base, bytes | memoryview):
        raise FlameValueError(f"object {ref.key!r} is a table")
    return found.version, base


@public("flamepy.core.cache")
def get_object(ref: ObjectRef, deserializer: Deserializer | None = None) -> Any:
    """Fetch a value.

    Each call asks the cache for the current version; bytes that this process still holds are not
    sent again. Every call returns a fresh value, so changing one changes no other.

    Args:
        ref: where it is.
        deserializer: called with the value and the list of its patches; default: the value.

    Raises:
        ObjectNotFoundError: there is no such object.
        ObjectLostError: one of these: it was put with ``durable=False``, and a power cut took it.
    """
    carried = ref._carried()
    if carried is not None:
        return deserializer(carried(), []) if deserializer else carried()
    held = _held.get(ref) if ref.version else None
    found = _fetch(ref, held.version if held else 0, held, plain=True)
    if found is None:
        if held is None:
            raise ObjectNotFoundError(f"object {ref.key!r} is not at {ref.endpoint}")
        found = held
    else:
        if not found.is_file:
            _held.put(ref, found)
    value = _value(found, f"object {ref.key!r}")
    if deserializer is None:
        return value
    return deserializer(
        value, [codec.load(patch.data, f"a patch of {ref.key!r}") for patch in found.patches]
    )


@public("flamepy.core.cache")
def update_object(ref: ObjectRef, new_obj: Any) -> ObjectRef:
    """Replace a value, and return the reference to its new version."""
    tls = current_context().cache_tls
    _held.drop(lambda key: key == ref.key)
    return _put_value(ref.endpoint, tls, str(ObjectKey.from_key(ref.key)), new_obj, True)


@public("flamepy.core.cache")
def patch_object(ref: ObjectRef, delta: Any) -> ObjectRef:
    """Append a patch to a value; ``get_object`` hands patches to its deserializer.

    Raises:
        ValueError: the value was put with ``durable=False``, is a table, or has 1,000 patches.
        ObjectNotFoundError: there is no such object.
    """
    tls = current_context().cache_tls
    _held.drop(lambda key: key == ref.key)
    return ObjectRef.decode(flight.patch(ref.endpoint, tls, ref.key, codec.encode(delta)))


@public("flamepy.core.cache")
def delete_objects(key_prefix: str) -> None:
    """Delete one object, all of a session, or (``<application>/*``) all of an application.

    Deleting what does not exist is no error.
    """
    key = ObjectKey.from_path(key_prefix)
    endpoint, tls = _configured()
    flight.delete(endpoint, tls, str(key))
    _held.drop(key.matches_key)


def discard_object(ref: ObjectRef) -> None:
    """Delete an object that nobody needs any more; raises nothing that the cache says."""
    try:
        delete_objects(ref.key)
    except FlameError:
        pass  # Only room is lost, and the cache bounds that.


@public("flamepy.core.cache")
def upload_object(key_or_prefix: str, file_path: str, *, durable: bool = True) -> ObjectRef:
    """Put the bytes of a file, as they are.

    Args:
        key_or_prefix: ``<application>/<session>``, and the cache invents the object's id, or a key.
        file_path: what is uploaded.
        durable: False, which only a prefix takes, as in :func:`put_object`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, the key has another form, or it names an object that need
            not be durable.
    """
    key = _writable(ObjectKey.from_path(key_or_prefix))
    _check_durable(durable)
    size = os.stat(file_path).st_size
    if size == 0:
        raise ValueError(f"{file_path} is empty: the object cache keeps no empty objects")
    if size > flight.OBJECT_BYTES_MAX:
        raise ValueError(
            f"{file_path} has {size} bytes; the object cache takes at most "
            f"{flight.OBJECT_BYTES_MAX}"
        )

    endpoint, tls = _configured()
    count = -(-size // CHUNK_BYTES)
    chunks = functools.partial(chunks_of, file_path, size)
    return ObjectRef.decode(flight.put_stream(endpoint, tls, str(key), count, chunks, durable))


@public("flamepy.core.cache")
def download_object(ref: ObjectRef, dest_path: str) -> None:
    """Write the bytes of an object to a file, which appears when it is complete.

    The folder of the file is made where it does not exist.

    Raises:
        ObjectNotFoundError: there is no such object.
        ValueError: the object has patches, so that its bytes alone would not be all of it.
    """
    found = _fetch(ref, 0)
    if found is None:
        raise ObjectNotFoundError(f"object {ref.key!r} is not at {ref.endpoint}")
    base = found.base.mapped() if isinstance(found.base, SharedPiece) else found.base
    if found.patches or not isinstance(base, bytes | memoryview):
        raise ValueError(f"object {ref.key!r} is a table or has patches: use get_object")
    dest = Path(dest_path)
    dest.parent.mkdir(parents=True, exist_ok=True)
    partial = dest.with_name(dest.name + ".part")
    try:
        with partial.open("wb") as file:
            file.write(base)
            file.flush()
            # On disk before it has its name: no power cut leaves an empty file there.
            os.fsync(file.fileno())
        partial.replace(dest)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def at_cache(endpoint: str) -> Iterator[None]:
    """Have put, upload and delete use another cache than the configured one, within the block."""
    before = _elsewhere.set(endpoint)
    try:
        yield
    finally:
        _elsewhere.reset(before)


def configured_cache() -> str:
    """Return the address of the object cache that puts go to."""
    return _configured()[0]


def _configured() -> tuple[str, FlameClientTls | None]:
    context = current_context()
    return _elsewhere.get() or context.cache_endpoint, context.cache_tls


def _writable(key: ObjectKey) -> ObjectKey:
    if key.is_all_sessions():
        raise ValueError(f"object key {str(key)!r}: only deleting takes '*'")
    return key


def _check_durable(durable: object) -> None:
    if not isinstance(durable, bool):
        raise TypeError(f"durable should be True or False, got {durable!r}")


def _put_value(
    endpoint: str, tls: FlameClientTls | None, path: str, obj: Any, durable: bool
) -> ObjectRef:
    table = native.to_table(obj)
    if table is not None:
        return ObjectRef.decode(flight.put_table(endpoint, tls, path, table, durable))
    answer = flight.put(endpoint, tls, path, codec.encoded(obj), durable=durable)
    return ObjectRef.decode(answer)


def _value(held: _Held, what: str) -> Any:
    if isinstance(held.base, PlainBytes):
        return held.base.value
    if isinstance(held.base, bytes | memoryview | SharedPiece):
        return codec.load(held.base, what)
    return native.from_table(held.base)


def _fetch(
    ref: ObjectRef, version: int, held: _Held | None = None, plain: bool = False
) -> _Held | None:
    """Fetch an object; None when ``version`` is the current one."""
    found = fetch(ref, version, plain)
    if found is None:
        return None
    base, patches = found.base, found.patches
    if found.mode is FetchMode.PATCHES:
        if held is None or held.version != version or patches[0].version != version + 1:
            return _fetch(ref, 0, plain=plain)
        base, patches = held.base, held.patches + patches
    if isinstance(base, SharedPiece | PlainBytes):
        size = base.size
    else:
        size = len(base) if isinstance(base, bytes | memoryview) else base.get_total_buffer_size()
    return _Held(found.version, base, patches, size + sum(len(patch.data) for patch in patches))
