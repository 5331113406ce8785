"""The version of this package; equal to the one in pyproject.toml (a test keeps both equal)."""

__version__ = "0.7.0"
