"""Tools made of sessions."""

from typing import TYPE_CHECKING

from flamepy._names.lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy.tools.sandbox import Sandbox as Sandbox
    from flamepy.tools.sandbox import SandboxAttr as SandboxAttr
    from flamepy.tools.sandbox import SandboxOutput as SandboxOutput

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy.tools.sandbox": (
            "Sandbox",
            "SandboxAttr",
            "SandboxOutput",
        ),
    },
)
