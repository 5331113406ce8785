"""Lists that show as tables in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flamepy._model import html
from flamepy._model.convert import to_time
from flamepy.proto import types_pb2

_ROWS_MAX = 100


@dataclass(frozen=True)
class Columns[T]:
    """What of each item is shown.

    Attributes:
        title: what they are.
        head: names of the columns.
        row: the cells of one.
    """

    title: str
    head: Sequence[str]
    row: Callable[[T], Sequence[Any]]


class Listing[T](list[T]):
    """A list that a notebook shows as a table, of which the first hundred rows."""

    def __init__(self, items: Iterable[T], columns: Columns[T]) -> None:
        super().__init__(items)
        self._columns = columns

    def __reduce__(self) -> Any:
        return list, (list(self),)  # How it is shown is nothing to anybody else.

    def _repr_html_(self) -> str:
        rows = [self._columns.row(each) for each in self[:_ROWS_MAX]]
        left = len(self) - len(rows)
        below = f"... and {left:,} more" if left else ""
        title = f"{self._columns.title}: {len(self):,}"
        return html.table(title, self._columns.head, rows, below)


def _node(node: types_pb2.Node) -> Sequence[Any]:
    status = node.status
    state = types_pb2.NodeState.Name(status.state)
    free, whole = status.allocatable, status.capacity
    beat = to_time(status.last_heartbeat_time) if status.last_heartbeat_time else None
    return (
        node.metadata.name,
        state,
        f"{free.cpu} of {whole.cpu}",
        f"{_size(free.memory)} of {_size(whole.memory)}",
        f"{free.gpu} of {whole.gpu}",
        f"{status.info.os} {status.info.arch}".strip(),
        beat,
        status.warning,
    )


def _executor(executor: types_pb2.Executor) -> Sequence[Any]:
    state = types_pb2.ExecutorState.Name(executor.status.state).removeprefix("Executor")
    need = executor.spec.resreq
    return (
        executor.metadata.id,
        state,
        executor.spec.node,
        executor.status.session_id,
        need.cpu,
        _size(need.memory),
        need.gpu,
    )


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"


NODES = Columns(
    "Nodes", ("name", "state", "free CPUs", "free memory", "free GPUs", "system", "seen", ""), _node
)
EXECUTORS = Columns(
    "Executors", ("id", "state", "node", "session", "CPUs", "memory", "GPUs"), _executor
)
APPLICATIONS: Columns[Any] = Columns(
    "Applications",
    ("name", "state", "shim", "command", "url", "description"),
    lambda app: (app.name, app.state.name, _name(app.shim), app.command, app.url, app.description),
)
SESSIONS: Columns[Any] = Columns(
    "Sessions",
    (
        "id",
        "application",
        "state",
        "pending",
        "running",
        "succeeded",
        "failed",
        "cancelled",
        "created",
    ),
    lambda one: (
        one.id,
        one.application,
        one.state.name,
        one.pending,
        one.running,
        one.succeed,
        one.failed,
        one.cancelled,
        one.creation_time,
    ),
)


def _name(shim: Any) -> str | None:
    return None if shim is None else str(shim.name)
