"""The common Python service under its published path: ``python -m flamepy.runner.runpy``."""

from flamepy._calls import MAX_PARALLEL_RESOLVE
from flamepy._objects import ObjectRef, get_object, put_object, update_object
from flamepy._runpy import FlameRunpyService, main
from flamepy._service import FlameService, SessionContext, TaskContext
from flamepy._types import TaskOutput
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
