"""``python -m flamepy`` says which version this is."""

from flamepy._names.version import __version__

if __name__ == "__main__":
    print(f"flamepy {__version__}")
