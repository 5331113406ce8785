"""Tasks with what they took and gave as Python values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flamepy._calls.object_calls import Calls, is_calls
from flamepy._calls.requests import RunnerRequest
from flamepy._model import html
from flamepy._model.errors import FlameValueError, ObjectNotFoundError
from flamepy._model.listing import Columns, Listing
from flamepy._model.types import Task, TaskState
from flamepy._names.public import public
from flamepy._objects.objects import ObjectRef, get_cell
from flamepy._results.form import ResultForm
from flamepy._results.result import ResultRef, decode_result
from flamepy._sessions.task_ends import error_of
from flamepy._values import codec
from flamepy._values.cell import Buffer
from flamepy._values.envelope import check_python, is_envelope, unseal


@public("flamepy.core.client")
@dataclass(repr=False)
class TaskValues(Task):
    """A task, which shows what it took and gave as Python values.

    Attributes:
        object_prefix: ``<application>/<session>``.
    """

    object_prefix: str = ""

    @property
    def call(self) -> Calls | RunnerRequest | bytes | None:
        """What it calls: method and arguments, or bytes as they are; None when nobody told.

        Raises:
            Exception: it cannot be loaded here, for example for want of a module.
        """
        return _call_of(self.input, f"the request of task {self.id}")

    @property
    def value(self) -> Any:
        """What it gave: the value, or its bytes; None before that.

        Raises:
            RemoteTaskError: it failed; the original exception is its cause.
            CancelledError: it was cancelled.
            Exception: the value cannot be loaded here, for example for want of a module.
        """
        error = error_of(self, ResultForm.VALUE)
        if error is not None:
            raise error
        found = _result_of(self.output, self.object_prefix)
        return found.get() if isinstance(found, ObjectRef) else found

    def __repr__(self) -> str:
        call, result = self._texts()
        text = f"TaskValues(id={self.id!r}, state={self.state.name}, call={call}"
        return f"{text}, result={result})" if result else f"{text})"

    def _repr_html_(self) -> str:
        call, result = self._texts()
        fields = (*self._fields(), ("call", call), ("result", result))
        return html.record(f"Task {self.id}", fields)

    def _texts(self) -> tuple[str, str]:
        """Return what it called and gave, in words; asks nobody for what is not in the task."""
        try:
            call = text_of_call(self.call) if _is_at_hand(self.input) else "(large)"
        except Exception as failure:  # Loading calls functions of the user's.
            call = f"(cannot be shown: {type(failure).__name__}: {failure})"
        return call, self._text_of_result()

    def _text_of_result(self) -> str:
        if not self.is_completed():
            return ""
        if self.state is not TaskState.SUCCEED:
            error = error_of(self, ResultForm.VALUE)
            return str(getattr(error, "message", error))
        try:
            found = _result_of(self.output, self.object_prefix)
            if isinstance(found, ResultRef) and found._carried() is not None:
                found = found.get()
            return html.shown(found)
        except Exception as failure:
            return f"(cannot be shown: {type(failure).__name__}: {failure})"


def _is_at_hand(data: bytes | None) -> bool:
    return data is None or not is_envelope(data) or unseal(data).text("body") == "inline"


def _call_of(data: bytes | None, what: str) -> Calls | RunnerRequest | bytes | None:
    if data is None or not is_envelope(data):
        return data
    envelope = unseal(data)
    check_python(envelope.python, what)
    body: Buffer = envelope.body
    if envelope.text("body") == "ref":
        ref = ObjectRef.decode(bytes(body))
        found = get_cell(ref)
        if found is None:
            raise ObjectNotFoundError(f"object {ref.key!r} is not at {ref.endpoint}")
        body = found[1]
    loaded = codec.load(body, what)
    if is_calls(envelope):
        return Calls.loaded(loaded)
    if isinstance(loaded, RunnerRequest):
        return loaded
    raise FlameValueError(f"{what} is a {type(loaded).__name__}: expected a RunnerRequest")


def _result_of(output: bytes | None, prefix: str) -> ObjectRef | bytes | None:
    if output is None or not is_envelope(output):
        return output
    return decode_result(output, prefix)


def text_of_call(call: Calls | RunnerRequest | bytes | None) -> str:
    """Return a call as one would write it, shortened."""
    if call is None or isinstance(call, bytes):
        return "(not told)" if call is None else html.shown(call)
    args: Iterable[Any] = call.args or ()
    given = [html.shown(each) for each in list(args)[:10]]
    given += [f"{name}={html.shown(each)}" for name, each in (call.kwargs or {}).items()]
    if isinstance(call, RunnerRequest) and call.input_object is not None:
        given.append(html.shown(call.input_object))
    more = len(call.args or ()) - 10
    given += [f"... {more:,} more"] if more > 0 else []
    name = call.method or ""
    if isinstance(call, Calls) and call.kwargs is None:
        return f"{name} of each of {', '.join(given)}".strip()
    return f"{name}({', '.join(given)})"


def _row(task: TaskValues) -> tuple[Any, ...]:
    call, result = task._texts()
    return (task.id, task.state.name, call, result, task.creation_time, task.duration())


def tasks_listed(
    tasks: Iterable[Task], state: TaskState | None, prefix: str
) -> Listing[TaskValues]:
    """Return tasks with their values, those of one state or all."""
    found = (
        TaskValues(**vars(task), object_prefix=prefix)
        for task in tasks
        if state is None or task.state is state
    )
    return Listing(found, _COLUMNS)


def state_named(state: TaskState | str | int | None) -> TaskState | None:
    """Return a state that is given as such or by its name.

    Raises:
        ValueError: there is none of that name.
    """
    if state is None or isinstance(state, TaskState):
        return state
    if isinstance(state, str) and state.upper() in TaskState.__members__:
        return TaskState[state.upper()]
    names = ", ".join(name.lower() for name in TaskState.__members__)
    raise ValueError(f"state of tasks: got {state!r}, expected one of {names}")


_COLUMNS = Columns("Tasks", ("id", "state", "call", "result", "created", "seconds"), _row)
