"""Names of objects in the cache."""

from __future__ import annotations

import functools
import os
import uuid
from dataclasses import dataclass

from flamepy._names.public import public

WILDCARD_SESSION = "*"
_SHARED_SESSION = "shared"
#: Where objects of clients are that belong to no session.
_CLIENTS = "clients"


@public("flamepy.core.cache")
@dataclass(frozen=True)
class ObjectKey:
    """``<application>/<session>`` or ``<application>/<session>/<object>``.

    The session ``*`` stands for all sessions of the application; only deleting takes it.

    Raises:
        ValueError: a part is empty, or holds ``/``, ``\\``, ``:`` or ``..``; or ``*`` is used
            together with an object id.
    """

    app_name: str
    session_id: str
    object_id: str | None = None

    def __post_init__(self) -> None:
        parts = {"application": self.app_name, "session": self.session_id}
        if self.object_id is not None:
            parts["object id"] = self.object_id
        for what, part in parts.items():
            wildcard = what == "session" and part == WILDCARD_SESSION and self.object_id is None
            if not part or any(bad in part for bad in ("/", "\\", ":", "..")):
                raise ValueError(
                    f"object key: {what} is {part!r}; expected text without '/', '\\', ':' or '..'"
                )
            if part == WILDCARD_SESSION and not wildcard:
                raise ValueError(f"object key: {what} is '*'; only <application>/* may say that")

    @classmethod
    def from_path(cls, path: str) -> ObjectKey:
        """Read a key of two or three parts."""
        parts = path.split("/")
        if len(parts) not in (2, 3):
            raise ValueError(
                f"object key {path!r}: expected <application>/<session> or "
                f"<application>/<session>/<object>, got {len(parts)} parts"
            )
        return cls(*parts)

    @classmethod
    def from_prefix(cls, prefix: str) -> ObjectKey:
        """Read ``<application>/<session>``."""
        key = cls.from_path(prefix)
        if key.object_id is not None:
            raise ValueError(f"object key {prefix!r}: expected <application>/<session>")
        return key

    @classmethod
    def from_key(cls, key: str) -> ObjectKey:
        """Read ``<application>/<session>/<object>``."""
        found = cls.from_path(key)
        if found.object_id is None:
            raise ValueError(f"object key {key!r}: expected <application>/<session>/<object>")
        return found

    @classmethod
    def for_shared(cls, app_name: str) -> ObjectKey:
        """Return the prefix of objects shared by all sessions of an application."""
        return cls(app_name, _SHARED_SESSION)

    @classmethod
    def for_all_sessions(cls, app_name: str) -> ObjectKey:
        """Return the prefix that stands for all sessions of an application."""
        return cls(app_name, WILDCARD_SESSION)

    def is_all_sessions(self) -> bool:
        """Whether this stands for all sessions."""
        return self.session_id == WILDCARD_SESSION

    def with_generated_id(self) -> ObjectKey:
        """Return the key with a new random object id."""
        return ObjectKey(self.app_name, self.session_id, str(uuid.uuid4()))

    def to_prefix(self) -> str:
        """Return ``<application>/<session>``."""
        return f"{self.app_name}/{self.session_id}"

    def to_key(self) -> str | None:
        """Return the full key, or None without an object id."""
        return None if self.object_id is None else f"{self.to_prefix()}/{self.object_id}"

    def matches_key(self, key: str) -> bool:
        """Whether ``key`` is that of this object, or of one under this prefix.

        What is no ``<application>/<session>/<object>`` matches nothing, as in flamepy 0.6.0.
        """
        if self.object_id is not None:
            return key == self.to_key()
        application, *rest = key.split("/")
        if application != self.app_name or len(rest) != 2 or not all(rest):
            return False
        return self.is_all_sessions() or rest[0] == self.session_id

    def __str__(self) -> str:
        return self.to_key() or self.to_prefix()


def own_prefix() -> str:
    """Return where objects of this process are that belong to no session."""
    return f"{_CLIENTS}/{_process_id(os.getpid())}"


@functools.lru_cache(1)
def _process_id(_process: int) -> str:
    return uuid.uuid4().hex
