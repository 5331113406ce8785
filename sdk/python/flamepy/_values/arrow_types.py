"""What Arrow types have in them."""

from __future__ import annotations

from typing import Any


def is_plain(kind: Any) -> bool:
    """Whether nothing in a type is an extension, which is another type where it is not known."""
    import pyarrow

    return not any(isinstance(part, pyarrow.BaseExtensionType) for part in _within(kind))


def has_dictionary(kind: Any) -> bool:
    """Whether a type is or holds a dictionary."""
    import pyarrow

    return any(pyarrow.types.is_dictionary(part) for part in _within(kind))


def _within(kind: Any) -> list[Any]:
    """Return a type and all types in it."""
    import pyarrow

    found = [kind]
    for part in found:  # It grows meanwhile.
        found.extend(part.field(at).type for at in range(part.num_fields))
        if pyarrow.types.is_dictionary(part):
            found.append(part.value_type)
    return found
