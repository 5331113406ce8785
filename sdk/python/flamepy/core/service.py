"""Services, under their published path."""

from typing import TYPE_CHECKING

from flamepy._lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy._errors import FlameError as FlameError
    from flamepy._errors import FlameErrorCode as FlameErrorCode
    from flamepy._instance_server import FlameInstanceServer as FlameInstanceServer
    from flamepy._instance_server import FlameInstanceServicer as FlameInstanceServicer
    from flamepy._service import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
    from flamepy._service import ApplicationContext as ApplicationContext
    from flamepy._service import FlameService as FlameService
    from flamepy._service import SessionContext as SessionContext
    from flamepy._service import TaskContext as TaskContext
    from flamepy._service import run as run
    from flamepy._trace import TraceFn as TraceFn
    from flamepy._types import TaskOutput as TaskOutput
    from flamepy.proto.shim_pb2_grpc import InstanceServicer as InstanceServicer
    from flamepy.proto.shim_pb2_grpc import (
        add_InstanceServicer_to_server as add_InstanceServicer_to_server,
    )

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy._errors": (
            "FlameError",
            "FlameErrorCode",
        ),
        "flamepy._service": (
            "FLAME_INSTANCE_ENDPOINT",
            "ApplicationContext",
            "FlameService",
            "SessionContext",
            "TaskContext",
            "run",
        ),
        "flamepy._instance_server": (
            "FlameInstanceServer",
            "FlameInstanceServicer",
        ),
        "flamepy._trace": ("TraceFn",),
        "flamepy._types": ("TaskOutput",),
        "flamepy.proto.shim_pb2_grpc": (
            "InstanceServicer",
            "add_InstanceServicer_to_server",
        ),
    },
)
