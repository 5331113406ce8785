"""The common Python service as an executable module: ``python -m flamepy.runpy``."""

from flamepy._calls.function_calls import FunctionCalls
from flamepy._services.runpy import FlameRunpyService, main

__all__ = ["FlameRunpyService", "FunctionCalls", "main"]

if __name__ == "__main__":
    main()
