"""How exceptions are pickled so that any class of them can be loaded again.

An exception usually pickles as its class and ``args``, which calls ``__init__`` once more; many
classes take other arguments there. Such are made without that call, and given what they had.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

#: What the classes of groups have of their own: set when one is made, and never again.
_OF_GROUPS = frozenset(("message", "exceptions"))
#: What an AttributeError was about, which it does not pickle itself.
_LEFT_OUT = frozenset(("obj",))


def reduced_exception(error: BaseException) -> Any:
    """Return how an exception is reduced; NotImplemented where its own way works."""
    kind = type(error)
    if not isinstance(kind.__init__, FunctionType) and not isinstance(kind.__new__, FunctionType):
        return NotImplemented
    own_ways = (kind.__reduce__, kind.__reduce_ex__, getattr(kind, "__setstate__", None))
    if any(isinstance(way, FunctionType) for way in own_ways) or kind in copyreg.dispatch_table:
        return NotImplemented
    return native_new(kind), (kind, *error.args), state_of(error)


def told_exception(error: BaseException, is_picklable: Callable[[Any], bool]) -> Told:
    """Return what pickles as an exception without those of its parts that cannot be pickled.

    Args:
        is_picklable: tries a part.
    """
    args = tuple(each if is_picklable(each) else _text_of(each) for each in error.args)
    state = {name: value for name, value in state_of(error).items() if is_picklable(value)}
    return Told(native_new(type(error)), (type(error), *args), {**state, "args": args})


class Told:
    """Pickles as what three parts make, as ``__reduce__`` gives them."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __reduce__(self) -> Any:
        return self._parts

    def made(self) -> Any:
        """Return that thing."""
        make, args, state = self._parts
        thing = make(*args)
        thing.__setstate__(state)
        return thing


def native_new(kind: type[BaseException]) -> Any:
    """Return what makes an exception of a class and calls no function of the user's."""
    for base in kind.__mro__:
        made = vars(base).get("__new__")
        if made is not None and not isinstance(made, staticmethod):
            return made
    return BaseException.__new__


def state_of(error: BaseException) -> dict[str, Any]:
    """Return the attributes that an instance has, those of built-in classes and slots included."""
    left_out = _OF_GROUPS if isinstance(error, BaseExceptionGroup) else _LEFT_OUT
    found: dict[str, Any] = {}
    for base in type(error).__mro__:
        for name, part in vars(base).items():
            if isinstance(part, MemberDescriptorType | GetSetDescriptorType):
                if not name.startswith("__") and name not in left_out and hasattr(error, name):
                    found[name] = getattr(error, name)
    return {**found, **vars(error)}


def _text_of(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
