"""Between wire messages and records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import (
    Application,
    ApplicationAttributes,
    ApplicationSchema,
    ApplicationState,
    Event,
    ResourceRequirement,
    SessionAttributes,
    Shim,
    Task,
    TaskState,
)
from flamepy.proto import types_pb2


def to_time(milliseconds: float) -> datetime:
    """Return Unix milliseconds as an aware UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def optional(message: Any, name: str) -> Any:
    """Return an optional field; None when it is absent, which differs from empty."""
    return getattr(message, name) if message.HasField(name) else None


def to_events(messages: Any) -> list[Event]:
    """Return the events of a status."""
    return [
        Event(message.code, optional(message, "message"), to_time(message.creation_time))
        for message in messages
    ]


def to_task(message: types_pb2.Task) -> Task:
    """Return a task."""
    status = message.status
    done = optional(status, "completion_time")
    return Task(
        id=message.metadata.id,
        session_id=message.spec.session_id,
        state=TaskState(int(status.state)),
        creation_time=to_time(status.creation_time),
        input=optional(message.spec, "input"),
        output=optional(message.spec, "output"),
        completion_time=None if done is None else to_time(done),
        events=to_events(status.events),
    )


def to_application(message: types_pb2.Application) -> Application:
    """Return an application."""
    spec = message.spec
    schema = optional(spec, "schema")
    return Application(
        id=message.metadata.id,
        name=message.metadata.name,
        state=ApplicationState(int(message.status.state)),
        creation_time=to_time(message.status.creation_time),
        shim=Shim(int(spec.shim)),
        image=optional(spec, "image"),
        description=optional(spec, "description"),
        labels=list(spec.labels),
        command=optional(spec, "command"),
        arguments=list(spec.arguments),
        environments={entry.name: entry.value for entry in spec.environments},
        working_directory=optional(spec, "working_directory"),
        max_instances=optional(spec, "max_instances"),
        delay_release=optional(spec, "delay_release"),
        schema=None
        if schema is None
        else ApplicationSchema(
            optional(schema, "input"), optional(schema, "output"), optional(schema, "common_data")
        ),
        url=optional(spec, "url"),
        installer=optional(spec, "installer"),
        task_timeout=optional(spec, "task_timeout"),
        max_crashes=optional(spec, "max_crashes"),
        max_lost_nodes=optional(spec, "max_lost_nodes"),
        warm_instances=optional(spec, "warm_instances"),
        packages=list(spec.packages.entries) if spec.HasField("packages") else None,
    )


def from_application(attributes: ApplicationAttributes) -> types_pb2.ApplicationSpec:
    """Return the wire form of what an application is registered with; None stays absent."""
    schema = attributes.schema
    wire_schema = None
    if schema is not None:
        texts = {
            name: text
            for name in ("input", "output", "common_data")
            if (text := getattr(schema, name)) is not None and text.strip()
        }
        wire_schema = types_pb2.ApplicationSchema(**texts) if texts else None
    return types_pb2.ApplicationSpec(
        shim=int(attributes.shim or Shim.HOST),  # type: ignore[arg-type]
        image=attributes.image,
        description=attributes.description,
        labels=attributes.labels or [],
        command=attributes.command,
        arguments=attributes.arguments or [],
        environments=[
            types_pb2.Environment(name=name, value=value)
            for name, value in (attributes.environments or {}).items()
        ],
        working_directory=attributes.working_directory,
        max_instances=attributes.max_instances,
        delay_release=attributes.delay_release,
        schema=wire_schema,
        url=attributes.url,
        installer=attributes.installer,
        task_timeout=attributes.task_timeout,
        max_crashes=attributes.max_crashes,
        max_lost_nodes=attributes.max_lost_nodes,
        warm_instances=attributes.warm_instances,
        packages=_list_of(attributes.packages),
    )


def attributes_from(given: ApplicationAttributes | dict[str, Any]) -> ApplicationAttributes:
    """Return application attributes given as such or as a dict of their names.

    Raises:
        FlameError: INVALID_ARGUMENT, when the dict has other names.
    """
    if isinstance(given, ApplicationAttributes):
        return given
    known = ApplicationAttributes.__dataclass_fields__.keys()
    unknown = sorted(set(given) - known)
    if unknown:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"application attributes: unknown {unknown}; expected some of {sorted(known)}",
        )
    values = dict(given)
    if isinstance(values.get("schema"), dict):
        values["schema"] = ApplicationSchema(**values["schema"])
    return ApplicationAttributes(**values)


def from_session(attributes: SessionAttributes, common_data: bytes | None) -> types_pb2.SessionSpec:
    """Return the wire form of what a session is created with."""
    need = attributes.resreq
    return types_pb2.SessionSpec(
        application=attributes.application,
        common_data=common_data,
        min_instances=attributes.min_instances,
        max_instances=attributes.max_instances,
        batch_size=attributes.batch_size,
        priority=attributes.priority,
        resreq=None if need is None else from_resources(need),
        packages=_list_of(attributes.packages),
    )


def _list_of(packages: Sequence[str] | None) -> types_pb2.Packages | None:
    return types_pb2.Packages(entries=packages) if packages else None


def from_resources(need: ResourceRequirement) -> types_pb2.ResourceRequirement:
    """Return the wire form of a resource requirement."""
    return types_pb2.ResourceRequirement(cpu=need.cpu, memory=need.memory, gpu=need.gpu)
