"""Small helpers."""

from flamepy._names import short_name

__all__ = ["short_name"]
