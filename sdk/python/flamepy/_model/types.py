"""Enumerations and records of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from flamepy._model.errors import FlameError, FlameValueError
from flamepy._names.public import public

TaskID = str
SessionID = str
ApplicationID = str
Message = bytes
TaskInput = bytes
TaskOutput = bytes
CommonData = bytes

#: Event codes of a task equal its states; these are the ones of a session.
EVENT_TASK_FAILED = 3
EVENT_BIND_FAILED = 1001
EVENT_BIND_LIMIT = 1002
EVENT_NO_SHIM = 1003
EVENT_NO_EXECUTOR = 1004
#: Of a task, or of a session whose tasks all were.
EVENT_CANCELLED = 1101
EVENT_NO_COMMAND = 1009
EVENTS_OF_TROUBLE = (
    EVENT_BIND_FAILED,
    EVENT_BIND_LIMIT,
    EVENT_NO_SHIM,
    EVENT_NO_EXECUTOR,
    EVENT_NO_COMMAND,
)

#: What an application that was registered without a field has there.
_ABSENT: tuple[Any, ...] = (None, [], {})

_EPOCH = datetime.fromtimestamp(0, UTC)
_SIZE_FACTORS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@public("flamepy.core.types")
class SessionState(IntEnum):
    """State of a session."""

    OPEN = 0
    CLOSED = 1


@public("flamepy.core.types")
class TaskState(IntEnum):
    """State of a task; the last three are final."""

    PENDING = 0
    RUNNING = 1
    SUCCEED = 2
    FAILED = 3
    CANCELLED = 4


@public("flamepy.core.types")
class ApplicationState(IntEnum):
    """State of an application."""

    ENABLED = 0
    DISABLED = 1


@public("flamepy.core.types")
class Shim(IntEnum):
    """How executors run an application."""

    HOST = 0
    WASM = 1

    @classmethod
    def _missing_(cls, value: object) -> Shim:
        """A number that this version does not know counts as HOST, as everywhere in Flame."""
        return cls.HOST


@public("flamepy.core.types")
@dataclass
class ResourceRequirement:
    """What one executor of a session needs.

    Attributes:
        cpu: CPUs.
        memory: bytes.
        gpu: GPUs.
    """

    cpu: int = 0
    memory: int = 0
    gpu: int = 0

    @classmethod
    def from_string(cls, s: str) -> ResourceRequirement:
        """Read ``cpu=1,mem=1g,gpu=0``: any subset, in any order; what is left out is 0.

        Sizes take the suffixes k, m, g, t, p (powers of 1024), optionally followed by b, i or ib.

        Raises:
            FlameValueError: the text has another form.
        """
        found: dict[str, int] = {}
        for entry in s.split(","):
            name, equals, value = (part.strip().lower() for part in entry.partition("="))
            name = "memory" if name == "mem" else name
            if not equals or name not in ("cpu", "memory", "gpu") or name in found:
                raise _bad_resources(s, entry)
            if name == "memory":
                found[name] = _size(s, value)
            elif value.isascii() and value.isdigit():
                found[name] = int(value)
            else:
                raise _bad_resources(s, entry)
        return cls(**found)

    @staticmethod
    def _parse_memory(text: str) -> int:
        """Read a size such as ``16g``, in bytes; an empty text is 0."""
        return _size(text, text.strip().lower()) if text.strip() else 0


def _size_of(data: bytes | None) -> str | None:
    return None if data is None else f"<{len(data):,} bytes>"


def _size(text: str, value: str) -> int:
    match = re.fullmatch(r"([0-9]+)\s*([kmgtp]?)(?:b|i|ib)?", value)
    if match is None:
        raise _bad_resources(text, value)
    return int(match[1]) * int(1024 ** _SIZE_FACTORS[match[2]])


def _bad_resources(text: str, part: str) -> FlameValueError:
    return FlameValueError(
        f"resource requirement {text!r}: cannot read {part.strip()!r}; "
        "expected something like cpu=1,mem=1g,gpu=0"
    )


@public("flamepy.core.types")
@dataclass
class Event:
    """Something that happened to a session or a task.

    Attributes:
        code: 0 to 3 of a task (created, running, succeeded, failed), 5 (put back to pending);
            1001 (an executor could not be prepared) and 1002 (the limit of such failures was
            reached) of a session; 1101 (cancelled) of either, 1102 (timed out) of a task.
        message: what happened.
        creation_time: when, in UTC.
    """

    code: int
    message: str | None = None
    creation_time: datetime = _EPOCH


@public("flamepy.core.types")
@dataclass
class ApplicationSchema:
    """JSON Schemas (texts) of what an application takes and gives."""

    input: str | None = None
    output: str | None = None
    common_data: str | None = None


@public("flamepy.core.types")
@dataclass
class ApplicationAttributes:
    """What an application is registered with; None leaves a field to the server's default.

    Attributes:
        shim: how executors run it; default HOST.
        image: container image, for executors that use one.
        description: for people.
        labels: for people and tools.
        command: program of the service.
        arguments: its arguments.
        environments: its environment variables.
        working_directory: absolute path.
        max_instances: most instances at a time over all sessions.
        delay_release: seconds that an idle instance waits for the next task.
        task_timeout: seconds that a task may run; None for no limit.
        max_crashes: crashes of its service after which a task is failed; None for 5.
        max_lost_nodes: losses of its node after which a task is failed; None for 10.
        warm_instances: service processes that each node keeps started for sessions to come; None
            for none.
        schema: JSON Schemas of input, output and common data.
        url: where the package of the application lies, such as ``file:///opt/my-app.whl``; None
            when it has none.
        installer: how that package is installed: ``python``, ``binary`` or None.
        packages: what its tasks import beside what is there; see ``create_session``.
    """

    shim: Shim | None = None
    image: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    command: str | None = None
    arguments: list[str] | None = None
    environments: dict[str, str] | None = None
    working_directory: str | None = None
    max_instances: int | None = None
    delay_release: int | None = None
    schema: ApplicationSchema | None = None
    url: str | None = None
    installer: str | None = None
    task_timeout: int | None = None
    max_crashes: int | None = None
    max_lost_nodes: int | None = None
    warm_instances: int | None = None
    packages: list[str] | None = None


@public("flamepy.core.types")
@dataclass
class Application:
    """A registered application; the fields are those of :class:`ApplicationAttributes`."""

    id: ApplicationID
    name: str
    state: ApplicationState
    creation_time: datetime
    shim: Shim | None = None
    image: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    command: str | None = None
    arguments: list[str] | None = None
    environments: dict[str, str] | None = None
    working_directory: str | None = None
    max_instances: int | None = None
    delay_release: int | None = None
    schema: ApplicationSchema | None = None
    url: str | None = None
    installer: str | None = None
    task_timeout: int | None = None
    max_crashes: int | None = None
    max_lost_nodes: int | None = None
    warm_instances: int | None = None
    packages: list[str] | None = None

    def __repr__(self) -> str:
        told = (f"{name}={value!r}" for name, value in vars(self).items() if value not in _ABSENT)
        return f"Application({', '.join(told)})"

    def _repr_html_(self) -> str:
        from flamepy._model.html import record

        names = {"state": self.state.name, "shim": None if self.shim is None else self.shim.name}
        return record(f"Application {self.name}", {**vars(self), **names}.items())


@public("flamepy.core.types")
@dataclass
class SessionAttributes:
    """What a session is created with.

    Attributes:
        application: name of a registered application.
        id: id of the session; None makes ``<application>-<6 letters or digits>``.
        common_data: bytes for every instance, a ``RunnerContext``, or None for no common data.
        min_instances: instances that are kept even when no task waits.
        max_instances: most instances at a time; None for no limit.
        batch_size: kept for the published API; instances are always handed out one by one.
        resreq: what one instance needs; None for the cluster's default.
        priority: higher goes first.
        keep: the session stays until it is closed. Otherwise one without an ``id`` ends with its
            client: when that is gone for ten minutes and no task is open, or no task came for a
            day, the session manager closes it.
        packages: what its tasks import beside what is there; see ``create_session``.
    """

    application: str
    id: SessionID | None = None
    common_data: Any = None
    min_instances: int = 0
    max_instances: int | None = None
    batch_size: int = 1
    resreq: ResourceRequirement | None = None
    priority: int = 0
    keep: bool = False
    packages: Sequence[str] | None = None


@public("flamepy.core.types")
@dataclass
class Task:
    """A task as the session manager reported it.

    Attributes:
        input: bytes of the input; None when there is none, or when it was left out of a list.
        output: bytes of the output; None when there is none.
        completion_time: when the task reached a final state, in UTC; None before.
        events: what happened to the task so far.
    """

    id: TaskID
    session_id: SessionID
    state: TaskState
    creation_time: datetime
    input: bytes | None = None
    output: bytes | None = None
    completion_time: datetime | None = None
    events: list[Event] = field(default_factory=list)

    def __repr__(self) -> str:
        sizes = (f"{name}={_size_of(getattr(self, name))}" for name in ("input", "output"))
        failure = f", failure={self.failure()!r}" if self.is_failed() else ""
        return (
            f"Task(id={self.id!r}, session_id={self.session_id!r}, state={self.state.name}, "
            f"{', '.join(sizes)}{failure})"
        )

    def _repr_html_(self) -> str:
        from flamepy._model.html import record

        sizes = ((name, _size_of(getattr(self, name))) for name in ("input", "output"))
        return record(f"Task {self.id}", (*self._fields(), *sizes))

    def _fields(self) -> Iterator[tuple[str, Any]]:
        """Give what a notebook shows of every task."""
        yield "session", self.session_id
        yield "state", self.state.name
        yield "created", self.creation_time
        yield "seconds", self.duration()
        yield "failure", self.failure() if self.is_failed() else None
        yield "cancelled", self.cancelled_by()

    def duration(self) -> float | None:
        """Return the seconds from its creation to its end, waiting included; None before that."""
        if self.completion_time is None:
            return None
        return (self.completion_time - self.creation_time).total_seconds()

    def is_completed(self) -> bool:
        """Whether the state is final: succeeded, failed or cancelled."""
        return self.state in (TaskState.SUCCEED, TaskState.FAILED, TaskState.CANCELLED)

    def is_failed(self) -> bool:
        """Whether the task failed."""
        return self.state is TaskState.FAILED

    def cancelled_by(self) -> str | None:
        """Return who cancelled the task, in words; None when nobody did."""
        texts = [event.message or "" for event in self.events if event.code == EVENT_CANCELLED]
        return texts[0] if texts else None

    def failure(self) -> str:
        """Return the text of the failure that the executor reported, or a general one."""
        for event in self.events:
            if event.code == EVENT_TASK_FAILED and event.message:
                return event.message
        return f"task {self.id} of session {self.session_id} failed; the executor gave no reason"


@public("flamepy.core.types")
class TaskInformer:
    """What wants to hear about the progress of a task."""

    def on_update(self, task: Task) -> None:
        """Take note of a new state."""

    def on_error(self, error: FlameError) -> None:
        """Take note that no further states will come."""
