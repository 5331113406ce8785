"""Calling user code that may be asynchronous."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any


def finished(value: Any) -> Any:
    """Return what ``value`` gives: itself, or its result when it is awaitable."""
    if not inspect.isawaitable(value):
        return value
    # With a factory, so that the thread's own event loop stays as the user's code left it.
    return asyncio.run(_awaited(value), loop_factory=asyncio.new_event_loop)


async def _awaited(value: Any) -> Any:
    return await value
