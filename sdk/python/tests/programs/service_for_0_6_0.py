"""A service of one function, for flamepy 0.6.0."""

from typing import Any

from flamepy.service import FlameInstance

instance = FlameInstance()


@instance.entrypoint
async def greet(request: Any) -> Any:
    """Greet, as the context of the session says; a dict is the new context."""
    if isinstance(request, list):
        raise ValueError("as told")
    if isinstance(request, dict):
        instance.update_context(request)
        return None
    context = instance.context() or {}
    return f"{context.get('greeting')}, {request}"


if __name__ == "__main__":
    instance.run()
