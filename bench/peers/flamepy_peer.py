"""Flame itself, by flamepy: asked what its peers are asked."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cloudpickle
import flamepy
import works
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind

# The service does not have this module.
cloudpickle.register_pickle_by_value(works)


class SessionCalls:
    """Calls of the one function of a session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._session.run(RunnerRequest(method=None, args=args))

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        return [handle.result().get() for handle in handles]


def measure(_folder: str, sizes: dict[str, int]) -> dict[str, Any]:
    context = RunnerContext(execution_object=works.echo, kind=RunnerServiceKind.Stateless)
    with flamepy.create_session("flmrun", context) as session:
        return works.bytes_both_ways(SessionCalls(session), sizes)
