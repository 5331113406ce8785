"""Calling user code that may be asynchronous."""

from __future__ import annotations

import inspect
from typing import Any

from flamepy._values.plain import is_plain


def finished(value: Any) -> Any:
    """Return what ``value`` gives: itself, or its result when it is awaitable."""
    if is_plain(value) or not inspect.isawaitable(value):
        return value
    import asyncio  # Few calls need it, and it takes longer to load than most of the rest.

    # With a factory, so that the thread's own event loop stays as the user's code left it.
    return asyncio.run(_awaited(value), loop_factory=asyncio.new_event_loop)


async def _awaited(value: Any) -> Any:
    return await value
