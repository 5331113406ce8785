"""Tools made of sessions."""

from flamepy.tools.sandbox import Sandbox, SandboxAttr, SandboxOutput

__all__ = ["Sandbox", "SandboxAttr", "SandboxOutput"]
