"""The version of this package.

It is the one of pyproject.toml: tests/test_exported.py keeps both equal.
"""

__version__ = "0.7.0"
