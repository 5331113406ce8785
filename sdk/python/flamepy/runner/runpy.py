"""The common Python service under its published path: ``python -m flamepy.runner.runpy``."""

from flamepy._runpy import FlameRunpyService, main

__all__ = ["FlameRunpyService", "main"]

if __name__ == "__main__":
    main()
