"""What a place for packages can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from flamepy._names.public import public


@public("flamepy.runner.storage")
class StorageBackend(ABC):
    """A place for packages."""

    @abstractmethod
    def upload(self, local_path: str, filename: str) -> str:
        """Put a file there, in place of one of that name, and return its URL.

        Args:
            local_path: the file.
            filename: its name there.

        Raises:
            FlameError: it cannot be put there.
        """

    @abstractmethod
    def delete(self, filename: str) -> None:
        """Delete a file; that it is not there is no error, and what fails is logged."""

    @abstractmethod
    def download(self, filename: str, local_path: str) -> None:
        """Write a file to ``local_path``, whose folder is made.

        Raises:
            FlameError: it is not there, or cannot be had or written.
        """


def made_parent(local_path: str) -> Path:
    """Return the path, with its folder made."""
    path = Path(local_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
