"""What a call returns: on the executor side it is made, on the client side it is read."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flamepy._calls.requests import INLINE_BYTES_MAX
from flamepy._model.errors import FlameError, RemoteTaskError
from flamepy._model.types import Task
from flamepy._names.public import public
from flamepy._objects.objects import ObjectRef, get_object, put_cell, put_object
from flamepy._results.remote_errors import class_names, known_class, remote_task_error
from flamepy._results.remote_sources import with_sources
from flamepy._values import codec, native
from flamepy._values.envelope import PYTHON, Envelope, check_python, is_envelope, seal, unseal
from flamepy._values.exception_pickles import told_exception
from flamepy._values.missing_modules import missing_module_advice
from flamepy._values.plain import is_plain, plain_pickle, result_frame

#: Longer texts and bytes are copied less often on the way of all values.
_PLAIN_LENGTH_MAX = 16 * 1024
_TEXT_CHARACTERS_MAX = 64 * 1024
_EXCEPTION_BYTES_MAX = 1024 * 1024
_OWN_FOLDER = str(Path(__file__).parents[1])


@public("flamepy.core")
class ResultRef(ObjectRef):
    """The result of a call: an object reference that may carry a small value itself.

    ``get()`` and ``flamepy.get_object(ref)`` give the value, a fresh one each time. It can be
    pickled and passed as an argument of another request. Asking for ``endpoint``, ``key``,
    ``version`` or ``encode()`` puts a carried value into the object cache first.
    """

    _payload: bytes | None
    _python: str
    _prefix: str
    _ref: ObjectRef | None

    def __init__(
        self, payload: bytes | None, python: str, prefix: str, ref: ObjectRef | None = None
    ) -> None:
        for name, value in (
            ("_payload", payload),
            ("_python", python),
            ("_prefix", prefix),
            ("_ref", ref),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ResultRef, (self._payload, self._python, self._prefix, self._ref))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjectRef):
            return NotImplemented
        if self is other:
            return True
        if isinstance(other, ResultRef) and self._ref is None and other._ref is None:
            return self._payload == other._payload and self._prefix == other._prefix
        return self._stored() == (other._stored() if isinstance(other, ResultRef) else other)

    def __hash__(self) -> int:
        return hash((self._payload, self._prefix))

    def __repr__(self) -> str:
        if self._ref is not None:
            return f"ResultRef({self._ref!r})"
        return f"ResultRef(<{len(self._payload or b'')} bytes carried, of {self._prefix!r}>)"

    def _carried(self) -> Callable[[], Any] | None:
        check_python(self._python, "the result")
        payload = self._payload
        return None if payload is None else lambda: codec.load(payload, "the result")

    def _stored(self) -> ObjectRef:
        if self._ref is None:
            cell = codec.PICKLE_PREFIX + (self._payload or b"")
            object.__setattr__(self, "_ref", put_cell(self._prefix, cell))
        assert self._ref is not None
        return self._ref


def _stored_field(name: str) -> property:
    return property(lambda self: getattr(self._stored(), name))


for _name in ("endpoint", "key", "version"):
    # Dataclass fields of the parent: here they are known once the value lies in the cache.
    setattr(ResultRef, _name, _stored_field(_name))


def encode_result(value: Any, prefix: str) -> bytes:
    """Return the output of a task that gives ``value``: inline when small, else by reference."""
    if is_plain(value) and not (isinstance(value, str | bytes) and len(value) > _PLAIN_LENGTH_MAX):
        plain = plain_pickle(value)
        if len(plain) <= INLINE_BYTES_MAX - len(codec.PICKLE_PREFIX):
            return result_frame() + plain
    cell = codec.pickled_cell(value, "the result of the call")
    if cell.size <= INLINE_BYTES_MAX:
        header = {"result": "value", "body": "inline"}
        return seal(header, cell.joined()[len(codec.PICKLE_PREFIX) :])
    as_table = native.to_table(value) is not None
    ref = put_object(prefix, value) if as_table else put_cell(prefix, cell)
    return seal({"result": "value", "body": "ref"}, ref.encode())


def decode_result(output: bytes | None, prefix: str) -> ObjectRef:
    """Read the output of a task.

    Raises:
        FlameError: it is no result of flmrun.
    """
    if output is not None and not is_envelope(output):
        return ObjectRef.decode(output)
    envelope = unseal(output or b"")
    if envelope.text("body") == "ref":
        return ResultRef(None, envelope.python, prefix, ObjectRef.decode(bytes(envelope.body)))
    return ResultRef(bytes(envelope.body), envelope.python, prefix)


def describe(error: BaseException) -> str:
    """Return ``Type: text`` of an exception, as text that can be sent."""
    name = type(error).__name__
    try:
        text = str(error.message if isinstance(error, FlameError) else error)
    except BaseException as failure:  # An error of the user's that cannot be shown is one still.
        text = f"(its text cannot be had: str() of it raises {type(failure).__name__})"
    advice = missing_module_advice(error)
    return _sendable((f"{name}: {text}" if text else name) + (f". {advice}" if advice else ""))


def _sendable(text: str) -> str:
    """Return a text without lone surrogates, as names of files have, and of a size for messages."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) > _TEXT_CHARACTERS_MAX:
        half = _TEXT_CHARACTERS_MAX // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n... {left_out} characters left out ...\n{text[-half:]}"
    return text


def encode_failure(error: BaseException) -> bytes:
    """Return the output of a task that failed: type, text, traceback, and the pickled exception.

    docs/flmrun.md, section 5.
    """
    header = {
        "result": "error",
        "type": _sendable(type(error).__qualname__),
        "classes": [_sendable(name) for name in class_names(type(error))],
        "traceback": _remote_traceback(error),
    }
    return seal(header, _pickled_exception(error))


def failure_of(task: Task, of_call: bool = True) -> RemoteTaskError:
    """Return the error of a failed task, with the original as its cause when it can be loaded.

    Args:
        of_call: it is of the original's class as well, where that is known here.
    """
    envelope = _failure_envelope(task.output)
    original: BaseException | None = None
    if envelope is not None and envelope.python == PYTHON and envelope.body:
        try:
            found = codec.decode(envelope.body)
        except Exception:  # Its class may exist on the executor only: the text is what remains.
            found = None
        original = found if isinstance(found, BaseException) else None
    known = known_class(envelope.texts("classes")) if envelope is not None else None
    told = (
        task.failure(),
        task.session_id,
        task.id,
        envelope.text("type") if envelope else "",
        with_sources(envelope.text("traceback")) if envelope else "",
    )
    if of_call:
        return remote_task_error(*told, known if original is None else original)
    error = RemoteTaskError(*told)
    error.__cause__ = original
    return error


def _failure_envelope(output: bytes | None) -> Envelope | None:
    if output is None or not is_envelope(output):
        return None
    try:
        envelope = unseal(output)
    except FlameError:
        return None
    return envelope if envelope.text("result") == "error" else None


def _remote_traceback(error: BaseException) -> str:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next  # Ours on the way to the user's code tell the user nothing.
    try:
        shown = traceback.format_exception(type(error), error, frames or error.__traceback__)
    except BaseException as failure:  # Attributes of the user's exceptions may do anything.
        shown = [f"(the traceback cannot be shown: {type(failure).__name__})\n"]
    return _sendable("".join(shown))


def _pickled_exception(error: BaseException) -> memoryview:
    whole: list[Callable[[], Any]] = [
        lambda: error,
        lambda: told_exception(error, codec.is_picklable),
    ]
    for make in whole:
        try:
            cell = codec.pickled(make())[len(codec.PICKLE_PREFIX) :]
            loaded = codec.decode(cell)  # Many exceptions can be pickled and not loaded again.
        except BaseException:  # User code runs here too, and the failure to tell is another one.
            continue
        if len(cell) <= _EXCEPTION_BYTES_MAX and isinstance(loaded, BaseException):
            return cell
    return memoryview(b"")


__all__ = [
    "ResultRef",
    "decode_result",
    "describe",
    "encode_failure",
    "encode_result",
    "failure_of",
    "get_object",
]
