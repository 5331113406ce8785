"""The published Runner: a folder of Python as an application, its functions and objects called."""

from typing import TYPE_CHECKING

from flamepy._names.lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy._services.runpy import FlameRunpyService as FlameRunpyService
    from flamepy.runner.helper import ErrorType as ErrorType
    from flamepy.runner.helper import RunnerError as RunnerError
    from flamepy.runner.helper import get_data as get_data
    from flamepy.runner.runner import ObjectFuture as ObjectFuture
    from flamepy.runner.runner import ObjectFutureIterator as ObjectFutureIterator
    from flamepy.runner.runner import Runner as Runner
    from flamepy.runner.runner import RunnerService as RunnerService
    from flamepy.runner.types import RunnerContext as RunnerContext
    from flamepy.runner.types import RunnerRequest as RunnerRequest
    from flamepy.runner.types import SessionContext as SessionContext

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy.runner.helper": (
            "ErrorType",
            "RunnerError",
            "get_data",
        ),
        "flamepy.runner.runner": (
            "ObjectFuture",
            "ObjectFutureIterator",
            "Runner",
            "RunnerService",
        ),
        "flamepy.runner.types": (
            "RunnerContext",
            "RunnerRequest",
            "SessionContext",
        ),
        "flamepy._services.runpy": ("FlameRunpyService",),
    },
)
