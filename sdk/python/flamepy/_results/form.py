"""What a caller gets of the output of a task."""

from __future__ import annotations

import io
import pickle
from enum import Enum, auto
from typing import Any

from flamepy._model.errors import FlameError
from flamepy._results.result import decode_result
from flamepy._values.envelope import PYTHON, is_envelope, unseal


class ResultForm(Enum):
    """What a result is for the caller."""

    #: The bytes of the output, or None without any.
    BYTES = auto()
    #: A reference, whose ``get()`` gives the value.
    REFERENCE = auto()
    #: The value itself.
    VALUE = auto()

    @classmethod
    def of_input(cls, is_request: bool) -> ResultForm:
        """Return what ``Session.invoke`` and ``Session.run`` give: requests give references."""
        return cls.REFERENCE if is_request else cls.BYTES

    def read(self, output: bytes | None, prefix: str) -> Any:
        """Return the result. A value may call functions of the user's, or ask the object cache.

        Args:
            prefix: where objects of the session are kept.
        """
        if self is ResultForm.BYTES:
            return output
        reference = decode_result(output, prefix)
        return reference if self is ResultForm.REFERENCE else reference.get()

    def read_at_once(self, output: bytes | None, prefix: str) -> tuple[Any] | None:
        """Return the result, in a tuple, if it takes no time and no function of anybody.

        None says that ``read`` is to be called, in a thread that may wait.
        """
        if self is not ResultForm.VALUE:
            return (self.read(output, prefix),)
        try:
            envelope = unseal(output) if output is not None and is_envelope(output) else None
            if envelope is None or envelope.text("body") != "inline" or envelope.python != PYTHON:
                return None
            return (_PlainUnpickler(io.BytesIO(envelope.body)).load(),)
        except (pickle.UnpicklingError, FlameError):
            return None


class _PlainUnpickler(pickle.Unpickler):
    """Loads what is made of built-in types alone."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain")
