"""Forks in a service process: gRPC stays out of them, and children end where they should.

Imported before gRPC, whose fork handlers must be off when it starts: with them, a child that a task
forks while the server's threads are in gRPC dies of SIGSEGV or waits forever.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from types import TracebackType

from flamepy._model.errors import FlameError, FlameErrorCode

#: Set by an executor manager for every service, and only there.
FLAME_INSTANCE_ENDPOINT = "FLAME_INSTANCE_ENDPOINT"

_imported_by = os.getpid()

if os.environ.get(FLAME_INSTANCE_ENDPOINT):
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


class ForkedChildrenEnd:
    """Ends every child process that user code forked inside and that comes back out of it.

    Such a child has left the code that it was forked for. It ends as it would at the end of a
    program, with the exit code of its SystemExit, instead of waiting for calls that only its parent
    gets.
    """

    __slots__ = ("_process",)

    def __enter__(self) -> None:
        self._process = os.getpid()

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if os.getpid() != self._process:
            _end_child(error)


def refuse_in_forked_child(used_by: int | None) -> None:
    """Refuse what would wait forever: a child has none of the threads of its parent's gRPC.

    Args:
        used_by: the process that used it first; None when none did.

    Raises:
        FlameError: INVALID_STATE, in a child that was forked from that process.
    """
    if used_by in (None, os.getpid()):
        return
    raise FlameError(
        FlameErrorCode.INVALID_STATE,
        f"process {os.getpid()} was forked from process {used_by}, which uses flamepy, so it "
        "cannot use it as well: let the parent call flamepy, or start the process anew "
        '(multiprocessing.get_context("spawn"), subprocess)',
    )


def refuse_in_child_of_service() -> None:
    """Refuse gRPC in a forked child of a service, whose server uses it from the beginning.

    Raises:
        FlameError: INVALID_STATE.
    """
    if os.environ.get(FLAME_INSTANCE_ENDPOINT):
        refuse_in_forked_child(_imported_by)


def _end_child(error: BaseException | None) -> None:
    code = 0
    if isinstance(error, SystemExit):
        code = _exit_code(error)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    # Not sys.exit: what runs at exit belongs to the parent, and gRPC's part of it would not end.
    os._exit(code)


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1
