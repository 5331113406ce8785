"""Marks in the log when something begins and ends."""

from __future__ import annotations

import logging

from flamepy._names.public import public

_log = logging.getLogger("flamepy")


@public("flamepy.core.service")
class TraceFn:
    """Logs ``<name> Enter`` when it is made and ``<name> Exit`` when it goes, at level DEBUG."""

    def __init__(self, name: str) -> None:
        self.name = name
        _log.debug("%s Enter", name)

    def __del__(self) -> None:
        _log.debug("%s Exit", self.name)
