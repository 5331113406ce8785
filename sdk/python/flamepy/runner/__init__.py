"""The published Runner: a folder of Python as an application, its functions and objects called."""

from typing import TYPE_CHECKING

from flamepy.runner.helper import ErrorType, RunnerError, get_data
from flamepy.runner.runner import ObjectFuture, ObjectFutureIterator, Runner, RunnerService
from flamepy.runner.types import RunnerContext, RunnerRequest, SessionContext

if TYPE_CHECKING:
    from flamepy._runpy import FlameRunpyService as FlameRunpyService

__all__ = [
    "ErrorType",
    "FlameRunpyService",
    "ObjectFuture",
    "ObjectFutureIterator",
    "Runner",
    "RunnerContext",
    "RunnerError",
    "RunnerRequest",
    "RunnerService",
    "SessionContext",
    "get_data",
]


def __getattr__(name: str) -> object:
    # Not at the top: the service imports the types of this package.
    if name == "FlameRunpyService":
        from flamepy._runpy import FlameRunpyService

        return FlameRunpyService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
