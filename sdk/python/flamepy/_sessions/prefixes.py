"""Where the objects of a session are kept, by its id alone."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flamepy._sessions.session import Session

#: Sessions this process knows, so that `set_object(session_id, obj)` need not ask for them.
_known: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()


def remember(session: Session) -> None:
    """Know a session while somebody has it."""
    _known[session.id] = session


def object_prefix_of(session_id: str) -> str:
    """Return where objects of a session are kept.

    Raises:
        FlameError: NOT_FOUND, when there is no such session.
    """
    if (known := _known.get(session_id)) is None:
        from flamepy._client.shared import ConnectionInstance

        known = ConnectionInstance.instance().get_session(session_id)
    return known.object_prefix
