"""Services, under their published path."""

from flamepy._errors import FlameError, FlameErrorCode
from flamepy._service import (
    FLAME_INSTANCE_ENDPOINT,
    ApplicationContext,
    FlameInstanceServer,
    FlameInstanceServicer,
    FlameService,
    SessionContext,
    TaskContext,
    run,
)
from flamepy._trace import TraceFn
from flamepy._types import TaskOutput
from flamepy.proto.shim_pb2_grpc import InstanceServicer, add_InstanceServicer_to_server

__all__ = [
    "FLAME_INSTANCE_ENDPOINT",
    "ApplicationContext",
    "FlameError",
    "FlameErrorCode",
    "FlameInstanceServer",
    "FlameInstanceServicer",
    "FlameService",
    "InstanceServicer",
    "SessionContext",
    "TaskContext",
    "TaskOutput",
    "TraceFn",
    "add_InstanceServicer_to_server",
    "run",
]
