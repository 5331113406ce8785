"""Services that exchange Python objects with their clients, one function each."""

from typing import TYPE_CHECKING

from flamepy._names.lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy.service.client import Session as Session
    from flamepy.service.instance import FlameInstance as FlameInstance

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy.service.client": ("Session",),
        "flamepy.service.instance": ("FlameInstance",),
    },
)
