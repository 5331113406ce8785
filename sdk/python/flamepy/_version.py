"""The version of this package; equal to the one in pyproject.toml (tests/test_exported.py keeps both equal)."""

__version__ = "0.7.0"
