"""Services, under their published path."""

from typing import TYPE_CHECKING

from flamepy._names.lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy._model.errors import FlameError as FlameError
    from flamepy._model.errors import FlameErrorCode as FlameErrorCode
    from flamepy._model.types import TaskOutput as TaskOutput
    from flamepy._services.instance_server import FlameInstanceServer as FlameInstanceServer
    from flamepy._services.instance_server import FlameInstanceServicer as FlameInstanceServicer
    from flamepy._services.service import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
    from flamepy._services.service import ApplicationContext as ApplicationContext
    from flamepy._services.service import FlameService as FlameService
    from flamepy._services.service import SessionContext as SessionContext
    from flamepy._services.service import TaskContext as TaskContext
    from flamepy._services.service import run as run
    from flamepy._services.trace import TraceFn as TraceFn
    from flamepy.proto.shim_pb2_grpc import InstanceServicer as InstanceServicer
    from flamepy.proto.shim_pb2_grpc import (
        add_InstanceServicer_to_server as add_InstanceServicer_to_server,
    )

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy._model.errors": (
            "FlameError",
            "FlameErrorCode",
        ),
        "flamepy._services.service": (
            "FLAME_INSTANCE_ENDPOINT",
            "ApplicationContext",
            "FlameService",
            "SessionContext",
            "TaskContext",
            "run",
        ),
        "flamepy._services.instance_server": (
            "FlameInstanceServer",
            "FlameInstanceServicer",
        ),
        "flamepy._services.trace": ("TraceFn",),
        "flamepy._model.types": ("TaskOutput",),
        "flamepy.proto.shim_pb2_grpc": (
            "InstanceServicer",
            "add_InstanceServicer_to_server",
        ),
    },
)
