"""Services that exchange Python objects with their clients, one function each."""

from flamepy.service.client import Session
from flamepy.service.instance import FlameInstance

__all__ = ["FlameInstance", "Session"]
