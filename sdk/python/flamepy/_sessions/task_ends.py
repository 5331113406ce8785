"""What becomes of tasks that have ended: results and errors."""

from __future__ import annotations

from concurrent.futures import CancelledError

from flamepy._model.convert import to_time
from flamepy._model.types import Event, Task, TaskState
from flamepy._results.form import ResultForm
from flamepy._results.result import failure_of
from flamepy.proto import clients_pb2

#: What the events of nearly every task say, by code: their texts do not travel on streams.
_USUAL_TEXTS = {
    0: "Task was created with state <Pending>",
    1: "Task was updated to state <Running>",
    2: "Task was completed with state <Succeed>",
}


def task_of_result(task_id: str, session_id: str, result: clients_pb2.Result) -> Task:
    """Return the task of a result that came on a stream, which travels without its input."""
    return Task(
        id=task_id,
        session_id=session_id,
        state=TaskState(result.state),
        creation_time=to_time(result.creation_time),
        output=result.output if result.HasField("output") else None,
        completion_time=to_time(result.completion_time),
        events=[
            Event(
                event.code,
                event.message if event.HasField("message") else _USUAL_TEXTS.get(event.code),
                to_time(event.time),
            )
            for event in result.events
        ],
    )


def error_of(task: Task, form: ResultForm) -> Exception | None:
    """Return the error of a task that has ended; None when it succeeded.

    Args:
        form: what its result would be for the caller. Whoever gets bytes, as from the published
            flamepy, gets its errors too, which are of no other class.
    """
    by = task.cancelled_by()
    if task.state is TaskState.FAILED and by is not None:
        return CancelledError(f"task {task.id} of session {task.session_id} was {task.failure()}")
    if task.state is TaskState.CANCELLED:
        why = by or f"cancelled: session {task.session_id} was closed before it ran"
        return CancelledError(f"task {task.id} was {why}")
    if task.state is not TaskState.FAILED:
        return None
    return failure_of(task, of_call=form is not ResultForm.BYTES)


def never_sent(session_id: str) -> CancelledError:
    """Return the error of an input that was taken back before it became a task."""
    return CancelledError(f"cancelled before it became a task of session {session_id}")
