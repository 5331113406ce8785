"""How few and how many instances a session may have."""

from __future__ import annotations

import operator
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import SessionAttributes

#: No larger number travels.
_INSTANCES_MAX = 2**32 - 1


def check_instances(attrs: SessionAttributes) -> None:
    """Refuse bounds with which no task could run, or that contradict each other.

    Raises:
        FlameError: INVALID_ARGUMENT.
    """
    least, most = attrs.min_instances, attrs.max_instances
    if least is not None:
        _check_whole(least, 0, "min_instances", "")
    if most is None:
        return
    _check_whole(
        most, 1, "max_instances", ", or None for no limit: with 0 no task of the session ever runs"
    )
    if least is not None and least > most:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"min_instances: got {least}, expected at most max_instances, which is {most}",
        )


def _check_whole(given: Any, least: int, name: str, more: str) -> None:
    try:
        number = operator.index(given)
    except TypeError:
        number = -1
    if not least <= number <= _INSTANCES_MAX:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            f"{name}: got {given!r}, expected a whole number from {least} to "
            f"{_INSTANCES_MAX}{more}",
        )
