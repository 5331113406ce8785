"""Why something that was handed in on a stream came to nothing."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from flamepy._client.channel import code_of, details_of
from flamepy._model.errors import FlameError, FlameErrorCode

_STATUSES = {status.value[0]: status for status in grpc.StatusCode}
#: Of a lane that ended: what it brought and was not acknowledged is no task.
_SURE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


@dataclass(frozen=True)
class StreamFault:
    """A reason, from which each who waits gets an error of their own.

    Attributes:
        code: what kind of thing went wrong.
        text: what happened, in words.
        status: the status of gRPC that said so; None where none did.
    """

    code: FlameErrorCode
    text: str
    status: grpc.StatusCode | None = None

    @classmethod
    def of_status(cls, number: int, text: str) -> StreamFault:
        """Return the fault of a status that came in a message."""
        status = _STATUSES.get(number, grpc.StatusCode.UNKNOWN)
        return cls(code_of(status), text or status.name, status)

    @classmethod
    def of_rpc(cls, error: grpc.RpcError) -> StreamFault:
        """Return the fault of a stream that failed."""
        return cls(code_of(error.code()), details_of(error), error.code())

    @property
    def is_sure(self) -> bool:
        """Whether it says that what was not acknowledged is no task."""
        return self.status in _SURE

    @property
    def is_aborted(self) -> bool:
        """Whether the same may well be tried again."""
        return self.status is grpc.StatusCode.ABORTED

    def no_task(self, session_id: str) -> FlameError:
        """Return the error of an input of which no task came."""
        return FlameError(
            self.code, f"failed to create a task in session {session_id!r}: {self.text}"
        )

    def unacknowledged(self, session_id: str) -> FlameError:
        """Return the error of an input of which nobody knows whether it became a task."""
        return FlameError(
            FlameErrorCode.INTERNAL,
            f"a task of session {session_id!r} was not acknowledged and may exist or not: "
            f"{self.text}",
        )

    def lost(self, task: int | str, session_id: str) -> FlameError:
        """Return the error of a task whose end was not seen."""
        return FlameError(self.code, f"lost task {task} of session {session_id!r}: {self.text}")
