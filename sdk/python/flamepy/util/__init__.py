"""Small helpers."""

from flamepy._names.short import short_name

__all__ = ["short_name"]
