"""Lines that tasks printed, and where they go on the client."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from flamepy._logs.terminal_turns import keep_tracebacks_whole, terminal_turn
from flamepy._names.public import public
from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT
from flamepy.proto import logs_pb2

#: Characters of an executor's id that mark its lines, as in ``flmctl logs``.
_MARK_LENGTH = 8

_log = logging.getLogger("flamepy")


@public("flamepy.core.client")
@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a task printed; what ``logs=`` of ``create_session`` is called with.

    Attributes:
        text: the line without its end; what is no UTF-8 in it is replaced.
        stream: ``out`` or ``err``.
        executor: id of the executor.
        task: id of the task; None when none ran, such as while the session was entered.
        node: name of the node.
        session: id of the session.
        left_out: so many lines are missing here, since more was printed than travels; the text
            says so. 0 for a line.
    """

    text: str
    stream: str
    executor: str
    task: str | None
    node: str
    session: str
    left_out: int = 0

    def __str__(self) -> str:
        return _mark(self.executor, self.task) + self.text


#: What ``logs=`` may be; None is on in terminals and notebooks.
Logs = bool | Callable[[LogLine], Any] | None


class Sink(Protocol):
    """Takes what services of a session printed."""

    def __call__(self, lines: logs_pb2.Lines, /) -> None:
        """Take the lines, in their order."""


def sink_of(logs: Logs) -> Sink | None:
    """Return where lines go; None: nowhere, and nobody is asked for them.

    Raises:
        TypeError: ``logs`` is something else.
    """
    if logs is None:
        # What a task prints goes to its own client: it would be told twice.
        in_service = bool(os.environ.get(FLAME_INSTANCE_ENDPOINT))
        logs = _somebody_looks() and not in_service
    if isinstance(logs, bool):
        if not logs:
            return None
        keep_tracebacks_whole()
        return print_lines
    if callable(logs):
        return _Calls(logs)
    raise TypeError(
        f"logs must be True, False, None or a function of a LogLine, got {type(logs).__name__}"
    )


def _somebody_looks() -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and stream.isatty():
                return True
        except (AttributeError, ValueError):  # Replaced by something simple, or closed.
            pass
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def print_lines(lines: logs_pb2.Lines) -> None:
    """Print lines to the stream of the same name, each with the mark of its task."""
    stream = sys.stderr if lines.stream == "err" else sys.stdout
    mark = _mark(lines.executor_id, _task_of(lines))
    # Of what overwrites itself, such as bars, the last state is shown.
    text = "".join(f"{mark}{text.rpartition('\r')[2]}\n" for text, _ in _texts(lines))
    with terminal_turn() as is_ours:
        if is_ours:
            _write(stream, text)


def _write(stream: Any, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (AttributeError, OSError, ValueError):
        pass  # There is none, or it was closed: nobody looks.


class _Calls:
    """Calls a function of the user's with each line."""

    def __init__(self, function: Callable[[LogLine], Any]) -> None:
        self._function = function
        self._has_failed = False

    def __call__(self, lines: logs_pb2.Lines) -> None:
        of = (lines.stream, lines.executor_id, _task_of(lines), lines.node, lines.session_id)
        for text, left_out in _texts(lines):
            try:
                self._function(LogLine(text, *of, left_out))
            except Exception:
                if not self._has_failed:
                    _log.exception("logs=%r failed; it goes on being called", self._function)
                self._has_failed = True


def _task_of(lines: logs_pb2.Lines) -> str | None:
    return lines.task_id if lines.HasField("task_id") else None


def _texts(lines: logs_pb2.Lines) -> Iterator[tuple[str, int]]:
    """Each line with how many are left out there, which is a line of its own."""
    if lines.left_out:
        word = "line" if lines.left_out == 1 else "lines"
        yield f"... {lines.left_out:,} {word} left out", lines.left_out
    if lines.data:
        for text in lines.data.decode("utf-8", "replace").removesuffix("\n").split("\n"):
            yield text.removesuffix("\r"), 0


def _mark(executor: str, task: str | None) -> str:
    label = executor[:_MARK_LENGTH]
    return f"({label}) " if task is None else f"({label} task {task}) "
