"""Execution objects of sessions: loaded from what clients sent, and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flamepy._calls.requests import RunnerContext
from flamepy._model.errors import FlameError, FlameErrorCode, ObjectNotFoundError
from flamepy._objects.objects import ObjectRef, get_cell
from flamepy._process.forks import ForkedChildrenEnd
from flamepy._values import codec
from flamepy._values.cell import Buffer
from flamepy._values.envelope import check_python, is_envelope, unseal
from flamepy.runner import types as published

Context = RunnerContext | published.RunnerContext


@dataclass
class State:
    """The execution object of a stateful session, as it lies in the cache."""

    ref: ObjectRef
    version: int
    task_id: str | None
    output: bytes
    context: Context


def instantiated(load: Callable[[], Context]) -> Context:
    """Return a context whose execution object, a class, is an instance of it."""
    context = load()
    with ForkedChildrenEnd():
        context.execution_object = context.execution_object()
    return context


def once(load: Callable[[], Context]) -> Callable[[], Context]:
    """Return ``load`` so that a value is made once; a failure is tried again."""
    made: list[Context] = []

    def get() -> Context:
        if not made:
            made.append(load())
        return made[0]

    return get


def fetched(ref: ObjectRef) -> Buffer:
    """Return the bytes of an object.

    Raises:
        ObjectNotFoundError: there is no such object.
    """
    return fetched_with_version(ref)[1]


def fetched_with_version(ref: ObjectRef) -> tuple[int, Buffer]:
    """Return the version of an object, too."""
    found = get_cell(ref)
    if found is None:
        raise ObjectNotFoundError(f"object {ref.key!r} is not at {ref.endpoint}")
    return found


def load_context(cell: Buffer, python: str, what: str) -> Context:
    """Return the context in a cell.

    Raises:
        PythonVersionError: it was made by a Python of another minor version.
        FlameError: it is no context.
    """
    check_python(python, what)
    context = codec.load(cell, what)
    if not isinstance(context, RunnerContext | published.RunnerContext):
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"common data of {what} is a {type(context).__name__}: expected a RunnerContext",
        )
    return context


def load_published(ref: ObjectRef) -> published.RunnerContext:
    """Return the context that the published Runner put into the cache.

    Raises:
        FlameError: the object is none.
    """
    context = _load_twice(fetched(ref), f"object {ref.key!r}")
    if not isinstance(context, published.RunnerContext):
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"object {ref.key!r} is a {type(context).__name__}: expected a RunnerContext",
        )
    return context


def _load_twice(cell: Buffer, what: str) -> Any:
    """The published Runner puts the bytes of a pickle, which are pickled once more."""
    data = codec.load(cell, what)
    return codec.load(data, what) if isinstance(data, bytes) else data


def load_state(ref: ObjectRef, version: int, cell: Buffer) -> State:
    """Return the state in a cell: ours, or what the published Runner put."""
    if not is_envelope(cell):
        context = _load_twice(cell, f"the state {ref.key!r}")
        return State(ref, version, None, b"", context)
    envelope = unseal(cell)
    size = int(envelope.header["output_bytes"])
    context = load_context(envelope.body[size:], envelope.python, f"the state {ref.key!r}")
    task = envelope.text("task") or None
    return State(ref, version, task, bytes(envelope.body[:size]), context)


def pickle_of(context: Context) -> memoryview:
    """Return the pickle of a context, as a state holds it."""
    return codec.pickled(context, "the state of the session")[len(codec.PICKLE_PREFIX) :]
