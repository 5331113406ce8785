"""What sessions and applications list as packages, brought to where nodes find it."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import ApplicationAttributes, SessionAttributes


class Manager(Protocol):
    """A connection to a session manager, as far as shipping needs one."""

    @property
    def addr(self) -> str:
        """Its address."""

    def reads_frames(self) -> bool:
        """Whether services of the cluster are of this make, whose nodes know lists of packages."""


def with_shipped[A: (SessionAttributes, ApplicationAttributes)](
    attrs: A, prefix: str, manager: Manager
) -> A:
    """Return the attributes with the packages as nodes take them.

    Args:
        attrs: with packages as a client names them, or None.
        prefix: ``<application>/<session>`` of what is uploaded.
        manager: whom the attributes are for.

    Raises:
        TypeError: the packages are no list of texts.
        FlameError: one of them is wrong, the object cache cannot be reached, or the services
            of the cluster are of another make.
    """
    packages = attrs.packages
    if packages is None:
        return attrs
    if not manager.reads_frames():
        raise FlameError(
            FlameErrorCode.INVALID_STATE,
            f"packages={packages!r}: the services of the cluster at {manager.addr} are of another "
            "make, whose nodes know no lists of packages. Install them there, or ship the project "
            "with flamepy.Runner",
        )
    # Few have any: packing and uploading are loaded when they are needed.
    from flamepy._packages.uploads import shipped

    return replace(attrs, packages=shipped(packages, prefix))
