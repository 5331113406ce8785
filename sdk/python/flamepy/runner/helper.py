"""Looking at what the tasks of a Runner got and gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from flamepy._calls.requests import RunnerRequest as _OwnRequest
from flamepy._model.errors import FlameError
from flamepy._objects.objects import ObjectRef, get_object
from flamepy._values import codec
from flamepy._values.envelope import check_python, is_envelope, unseal
from flamepy.runner.types import RunnerRequest

__all__ = [
    "ErrorType",
    "ObjectRef",
    "RunnerError",
    "RunnerRequest",
    "TaskInputData",
    "TaskOutputData",
    "get_data",
    "get_object",
]

#: References in lists, tuples and dicts are looked for so deep.
_DEPTH_MAX = 10
_PICKLE_MARK = 0x80
_PICKLE_PROTOCOLS = (2, 3, 4, 5)


class ErrorType(Enum):
    """What kept data from being shown."""

    DECODE_ERROR = "decode_error"
    CACHE_RETRIEVAL_ERROR = "cache_retrieval_error"
    DATA_FORMAT_ERROR = "data_format_error"


class RunnerError(Exception):
    """Data of a task cannot be shown.

    Attributes:
        error_type: what kept it from it.
        cause: the error behind it; None without one.
        key: the object that cannot be fetched; None for other errors.
        data_type: the type of the data where that is what is wrong; else None.
    """

    def __init__(
        self,
        error_type: ErrorType,
        message: str,
        cause: Exception | None = None,
        key: str | None = None,
        data_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.cause = cause
        self.key = key
        self.data_type = data_type

    def __str__(self) -> str:
        return f"[{self.error_type.value}] {super().__str__()}"


@dataclass
class TaskInputData:
    """What a task was asked for.

    Attributes:
        method: name of the method; None when the object itself was called.
        args: positional arguments, references as their values.
        kwargs: keyword arguments, likewise.
        metadata: ``object_ref_key`` when the request was in the object cache.
    """

    type: str = field(default="input", init=False)
    method: str | None = None
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dict(vars(self), type=self.type)


@dataclass
class TaskOutputData:
    """What a task gave.

    Attributes:
        result: the value.
        metadata: ``object_ref_key`` when the value was in the object cache.
    """

    type: str = field(default="output", init=False)
    result: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dict(vars(self), type=self.type)


def get_data(data: bytes) -> dict[str, Any]:
    """Return what the input or the output of a task holds.

    Args:
        data: ``task.input`` or ``task.output`` of a session of a Runner, or of one created with a
            ``RunnerContext``.

    Returns:
        For an input ``{"type": "input", "method", "args", "kwargs", "metadata"}``, for an output
        ``{"type": "output", "result", "metadata"}``. References are replaced by their values, in
        lists, tuples and dicts as well.

    Raises:
        RunnerError: the data is no such thing, or an object cannot be fetched.
    """
    if not isinstance(data, bytes):
        raise RunnerError(
            ErrorType.DATA_FORMAT_ERROR,
            f"data should be the bytes of an input or output, got a {type(data).__name__}",
            data_type=type(data).__name__,
        )
    value, ref = _value_of(data)
    metadata = {} if ref is None else {"object_ref_key": ref.key}
    if isinstance(value, RunnerRequest | _OwnRequest):
        args, kwargs = value.args, value.kwargs
        if isinstance(value, _OwnRequest) and value.input_object is not None:
            args = (value.input_object,)
        return TaskInputData(
            value.method,
            None if args is None else tuple(_resolved(each) for each in args),
            None if kwargs is None else _resolved(kwargs),
            metadata,
        ).to_dict()
    return TaskOutputData(value, metadata).to_dict()


def _value_of(data: bytes) -> tuple[Any, ObjectRef | None]:
    """Return what data holds, and the reference that it was behind."""
    if len(data) > 1 and data[0] == _PICKLE_MARK and data[1] in _PICKLE_PROTOCOLS:
        try:
            return codec.decode(data), None
        except Exception as error:  # Loading a pickle may raise anything.
            raise _undecodable(error) from error
    if is_envelope(data):
        return _framed(data)
    try:
        ref = ObjectRef.decode(data)
    except ValueError as error:
        raise _undecodable(error) from error
    return _unpickled(_fetched(ref)), ref


def _framed(data: bytes) -> tuple[Any, ObjectRef | None]:
    try:
        envelope = unseal(data)
        check_python(envelope.python, "the data")
        if envelope.text("body") == "ref":
            ref = ObjectRef.decode(bytes(envelope.body))
            return _fetched(ref), ref
        return codec.decode(envelope.body), None
    except RunnerError:
        raise
    except Exception as error:
        raise _undecodable(error) from error


def _fetched(ref: ObjectRef) -> Any:
    try:
        return get_object(ref)
    except Exception as error:  # Loading what was fetched may raise anything.
        text = error.message if isinstance(error, FlameError) else error
        raise RunnerError(
            ErrorType.CACHE_RETRIEVAL_ERROR,
            f"Failed to retrieve object {ref.key!r} from cache: {text}",
            cause=error,
            key=ref.key,
        ) from error


def _unpickled(value: Any) -> Any:
    """Some values are put as the bytes of their pickles."""
    if not isinstance(value, bytes):
        return value
    try:
        return codec.decode(value)
    except Exception:
        return value


def _resolved(value: Any, depth: int = 0) -> Any:
    """Replace references by their values."""
    if depth > _DEPTH_MAX:
        return value
    if isinstance(value, bytes):
        try:
            value = ObjectRef.decode(value)
        except ValueError:
            return value
    if isinstance(value, ObjectRef):
        return _fetched(value)
    if isinstance(value, list):
        return [_resolved(each, depth + 1) for each in value]
    if isinstance(value, tuple):
        return tuple(_resolved(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return {name: _resolved(each, depth + 1) for name, each in value.items()}
    return value


def _undecodable(error: Exception) -> RunnerError:
    return RunnerError(
        ErrorType.DECODE_ERROR,
        f"Failed to decode data: not valid ObjectRef or pickled data: {error}",
        cause=error,
    )
