"""Types and service of the published Runner."""

from flamepy.runner.types import RunnerContext, RunnerRequest, SessionContext

__all__ = ["RunnerContext", "RunnerRequest", "SessionContext"]


def __getattr__(name: str) -> object:
    # Not at the top: the service imports the types of this package.
    if name == "FlameRunpyService":
        from flamepy._runpy import FlameRunpyService

        return FlameRunpyService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
