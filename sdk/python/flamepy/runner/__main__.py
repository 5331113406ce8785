"""``python -m flamepy.runner``: the self-check of ``flamepy.runner.e2e``."""

from flamepy.runner.e2e import main

if __name__ == "__main__":
    raise SystemExit(main())
