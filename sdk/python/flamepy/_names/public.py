"""Gives classes the public module path under which pickles name them."""

from collections.abc import Callable


def public[T](module: str) -> Callable[[T], T]:
    """Set ``__module__`` of a class or function to ``module``.

    Pickles name classes by module and name. Private modules may be cut anew at any time, so what
    ends up in pickles is known under its public path only.

    Args:
        module: dotted path of the public module that exports the object.
    """

    def mark(thing: T) -> T:
        thing.__module__ = module
        return thing

    return mark
