"""Dask's distributed scheduler with two worker processes of one thread: tasks, actors and scattered data."""

import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from distributed import Client, LocalCluster

import works


def serve(folder: str) -> None:
    """Runs scheduler and workers with everything that they write below the folder, until the standard input ends."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
        local_directory=folder,
    ) as cluster:
        pathlib.Path(folder, "address").write_text(cluster.scheduler_address)
        print("ready", flush=True)
        sys.stdin.read()


class Tasks:
    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        # Else equal calls would be one.
        return self._client.submit(function, *args, pure=False)

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        if len(handles) == 1:
            return [handles[0].result()]
        return self._client.gather(handles)


class ActorCalls:
    """Calls of `add` of one actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return getattr(self._actor, function.__name__)(*args)

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        return [handle.result() for handle in handles]


class Scattered:
    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, value: bytes) -> Any:
        return self._client.scatter(value, hash=False)

    def get(self, reference: Any) -> bytes:
        return reference.result()


def measure(folder: str, sizes: dict[str, int]) -> dict[str, Any]:
    with Client(pathlib.Path(folder, "address").read_text()) as client:

        def begun() -> Any:
            actor = client.submit(works.Adder, actor=True, pure=False).result()
            works.expect(actor.add(1, 2).result(), 3)
            return actor

        first = begun()
        second_actor = 1000 * works.seconds_of(begun)
        calls, actor = Tasks(client), ActorCalls(first)
        return {
            "second_actor": second_actor,
            "actor_sync": works.serial(actor, sizes["serial"]),
            "actor_async": works.all_at_once(actor, sizes["calls"]),
            "task_sync": works.serial(calls, sizes["serial"]),
            "task_async": works.all_at_once(calls, sizes["calls"]),
            **works.bytes_both_ways(calls, sizes, "task_"),
            **works.objects_of_both_sizes(Scattered(client), sizes),
        }
