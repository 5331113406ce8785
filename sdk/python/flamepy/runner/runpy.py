"""The common Python service under its published path: ``python -m flamepy.runner.runpy``."""

from flamepy._calls.called import MAX_PARALLEL_RESOLVE
from flamepy._model.types import TaskOutput
from flamepy._objects.objects import ObjectRef, get_object, put_object, update_object
from flamepy._services.runpy import FlameRunpyService, main
from flamepy._services.service import FlameService, SessionContext, TaskContext
from flamepy.runner.types import RunnerContext, RunnerRequest

__all__ = [
    "MAX_PARALLEL_RESOLVE",
    "FlameRunpyService",
    "FlameService",
    "ObjectRef",
    "RunnerContext",
    "RunnerRequest",
    "SessionContext",
    "TaskContext",
    "TaskOutput",
    "get_object",
    "main",
    "put_object",
    "update_object",
]

if __name__ == "__main__":
    main()
