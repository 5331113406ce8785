"""Services, under their published path."""

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

__all__ = [
    "FLAME_INSTANCE_ENDPOINT",
    "ApplicationContext",
    "FlameInstanceServer",
    "FlameInstanceServicer",
    "FlameService",
    "SessionContext",
    "TaskContext",
    "run",
]
