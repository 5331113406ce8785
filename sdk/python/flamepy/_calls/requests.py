"""The specified way to run Python remotely: an execution object per session, a request per task."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, overload

from flamepy._names.public import public
from flamepy._objects.keys import own_prefix
from flamepy._objects.objects import ObjectRef, put_cell, put_object
from flamepy._values.codec import PICKLE_PREFIX, pickled
from flamepy._values.envelope import seal, unseal
from flamepy._values.plain import is_plain, plain_pickle, request_frame

if TYPE_CHECKING:
    from flamepy._sessions.session import Session

#: Larger bodies travel through the object cache: messages and the task table stay small.
INLINE_BYTES_MAX = 256 * 1024

#: Puts what is large of the input of a task, which takes time, and returns the input.
Upload = Callable[[], bytes]

#: Attributes of a request: somebody may have given it more.
_FIELDS = frozenset(("method", "args", "kwargs", "input_object", "_session"))

_INPUT_FIELDS = ("args", "kwargs", "input_object")
_NO_HEADER: Mapping[str, Any] = {}


@public("flamepy.core")
class RunnerServiceKind(IntEnum):
    """Whether calls may change the execution object.

    ``Stateful``: changes are kept. The session has one instance at most, calls run one by one,
    and the object is written back after each call that succeeds.
    ``Stateless``: every instance has its own copy and changes are not kept.
    """

    Stateful = 0
    Stateless = 1


@public("flamepy.core")
@dataclass
class RunnerContext:
    """What all tasks of a session share.

    Attributes:
        execution_object: the function, class or object to call; required.
        kind: see :class:`RunnerServiceKind`. None means Stateless for functions, builtins, classes
            and values of built-in types, else Stateful.

    Raises:
        ValueError: ``execution_object`` is None, or ``kind`` is no kind.
    """

    execution_object: Any = None
    kind: RunnerServiceKind | None = None

    def __post_init__(self) -> None:
        if self.execution_object is None:
            raise ValueError(
                "RunnerContext: execution_object is required; pass the function, class or object "
                "that tasks should call"
            )
        if self.kind is None:
            self.kind = _natural_kind(self.execution_object)
        else:
            self.kind = RunnerServiceKind(self.kind)


@public("flamepy.core")
@dataclass
class RunnerRequest:
    """One call.

    At most one of ``args``, ``kwargs`` and ``input_object`` may be given; with none of them the
    method is called without arguments. Object references directly in ``args`` or ``kwargs`` arrive
    as the objects they refer to.

    Attributes:
        method: name of the method to call; None to call the execution object itself.
        args: positional arguments.
        kwargs: keyword arguments.
        input_object: reference to the single positional argument; see :meth:`set_object`.

    Raises:
        ValueError: more than one input was given, or one has a wrong type.
    """

    method: str | None = None
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] | None = None
    input_object: ObjectRef | None = None
    _session: Session | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.args, list):
            self.args = tuple(self.args)
        self.validate()

    def validate(self) -> None:
        """Check the fields again, which may have been assigned to since.

        Raises:
            ValueError: as on construction.
        """
        args, kwargs, input_object = self.args, self.kwargs, self.input_object
        if (args is not None) + (kwargs is not None) + (input_object is not None) > 1:
            given = [name for name in _INPUT_FIELDS if getattr(self, name) is not None]
            raise ValueError(
                "RunnerRequest: Only one of args, kwargs and input_object may be set, "
                f"got {' and '.join(given)}"
            )
        _check("method", self.method, str, "the name of a method, or None")
        _check("args", args, tuple, "a tuple")
        _check("kwargs", kwargs, dict, "a dict")
        _check("input_object", input_object, ObjectRef, "an ObjectRef; set_object() makes one")

    @overload
    def set_object(self, obj: Any, /, *, durable: bool = True) -> None: ...

    @overload
    def set_object(self, session_id: str, obj: Any, /, *, durable: bool = True) -> None: ...

    def set_object(self, *arguments: Any, durable: bool = True) -> None:
        """Put a large argument into the object cache and refer to it in ``input_object``.

        ``set_object(session_id, obj)``, or ``set_object(obj)``. It arrives as the single positional
        argument. The object goes with the session that is named, or whose ``request()`` made this
        request. Without one it is this client's own, and the object cache deletes it when nobody
        has asked for it for some days. With ``durable=False`` a power cut may take it, as
        :func:`flamepy.put_object` says; a task that needs it then fails.

        Raises:
            ValueError: ``args`` or ``kwargs`` are set.
            TypeError: there are more or fewer arguments, or the object cannot be pickled.
            FlameError: there is no such session, or the object cache refuses.
        """
        if self.args is not None or self.kwargs is not None:
            raise ValueError(
                "RunnerRequest.set_object: Only one of args, kwargs and input_object may be set; "
                f"this request has {'args' if self.args is not None else 'kwargs'} already"
            )
        if len(arguments) not in (1, 2):
            raise TypeError(
                f"RunnerRequest.set_object: takes (obj) or (session_id, obj), got {len(arguments)} "
                "arguments"
            )
        if len(arguments) == 2:
            prefix = _prefix_of(arguments[0])
        else:
            prefix = own_prefix() if self._session is None else self._session.object_prefix
        obj = arguments[-1]
        self.input_object = put_object(prefix, obj, durable=durable)

    def __getstate__(self) -> dict[str, Any]:
        # The session is of this process only; it does not travel.
        return {**self.__dict__, "_session": None}


def _check(name: str, value: Any, wanted: type, text: str) -> None:
    if value is not None and not isinstance(value, wanted):
        raise ValueError(f"RunnerRequest: {name} should be {text}, got a {type(value).__name__}")


def bound_request(session: Session, method: str | None) -> RunnerRequest:
    """Return an empty request that knows its session."""
    request = RunnerRequest(method=method)
    request._session = session
    return request


def encode_context(
    context: RunnerContext, prefix: str, header: Mapping[str, Any] = _NO_HEADER
) -> bytes:
    """Return the common data of a session with ``context``.

    Args:
        prefix: ``<application>/<session>``, where what is large or changes is put.
        header: what the header says beside that.
    """
    cell = pickled(context, "the context of the session")
    if context.kind is RunnerServiceKind.Stateful:
        ref = put_cell(prefix, encode_state(cell[len(PICKLE_PREFIX) :], None, b""))
        return seal({**header, "kind": "Stateful", "body": "state"}, ref.encode())
    return seal_or_refer({**header, "kind": "Stateless"}, cell, prefix)


def encode_request(request: RunnerRequest, prefix: str) -> bytes:
    """Return the input of a task with ``request``."""
    request.validate()
    if _is_plain(request):
        # The same pickle, without looking for what only cloudpickle can name.
        plain = plain_pickle(request)
        if len(plain) <= INLINE_BYTES_MAX - len(PICKLE_PREFIX):
            return request_frame() + plain
    return seal_or_refer({}, pickled(request, "the request"), prefix)


def _is_plain(request: RunnerRequest) -> bool:
    """Whether only values of built-in types travel, which any pickler writes as they are."""
    if type(request) is not RunnerRequest or not vars(request).keys() <= _FIELDS:
        return False
    given: Iterable[Any] = request.args or ()
    if request.kwargs is not None:
        given = (*request.kwargs, *request.kwargs.values())
    if request.input_object is not None or type(request.args or ()) is not tuple:
        return False
    if type(request.kwargs or {}) is not dict:
        return False
    return is_plain(request.method) and all(map(is_plain, given))


def encode_state(context: memoryview, task_id: str | None, output: bytes) -> bytes:
    """Return the object that keeps the state of a stateful session (docs/flmrun.md, section 6).

    It carries the task that was applied last and what that task answered: a task that is run again
    because its answer got lost is answered from here and never applied twice.
    """
    return seal({"task": task_id, "output_bytes": len(output)}, output, context)


def referred(data: bytes) -> ObjectRef | None:
    """Return the object that a frame refers to; None when it carries its body itself."""
    envelope = unseal(data)
    if envelope.text("body") not in ("ref", "state"):
        return None
    return ObjectRef.decode(bytes(envelope.body))


def seal_or_refer(header: dict[str, Any], cell: memoryview, prefix: str) -> bytes:
    """Frame a pickle, or the reference to it when it is large.

    Args:
        cell: the pickle, with its prefix.
        prefix: ``<application>/<session>``, where what is large is put.
    """
    return uploaded(seal_or_upload(header, cell, prefix))


def seal_or_upload(header: dict[str, Any], cell: memoryview, prefix: str) -> bytes | Upload:
    """Do the same, but put nothing yet: of a large one return what does."""
    if len(cell) <= INLINE_BYTES_MAX:
        return seal({**header, "body": "inline"}, cell[len(PICKLE_PREFIX) :])
    return lambda: seal({**header, "body": "ref"}, put_cell(prefix, cell).encode())


def uploaded(data: bytes | Upload) -> bytes:
    """Return the input of a task, after what is large of it was put."""
    return data if isinstance(data, bytes) else data()


def _natural_kind(thing: Any) -> RunnerServiceKind:
    builtin = type(thing).__module__ == "builtins"
    if (
        builtin
        or inspect.isroutine(thing)
        or inspect.isclass(thing)
        or isinstance(thing, functools.partial)
    ):
        return RunnerServiceKind.Stateless
    return RunnerServiceKind.Stateful


def _prefix_of(session_id: str) -> str:
    from flamepy._sessions.prefixes import object_prefix_of

    return object_prefix_of(session_id)
