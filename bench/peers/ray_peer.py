"""Ray with two workers: tasks, actors and objects."""

import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ray

import works

tries = 3


def serve(folder: str) -> None:
    """Runs Ray's daemons with everything that they write below the folder, until the standard input ends."""
    pathlib.Path(folder, "address").write_text(started(folder))
    print("ready", flush=True)
    sys.stdin.read()
    ray.shutdown()


def started(folder: str) -> str:
    """Where it serves. It gives up starting after fixed times, so on a busy machine it may need another try."""
    for left in reversed(range(tries)):
        try:
            node = ray.init(
                num_cpus=2,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=2 << 30,
                _temp_dir=folder,
            )
            return str(node.address_info["gcs_address"])
        except Exception:
            if left == 0:
                raise
            ray.shutdown()
    raise AssertionError("there is at least one try")


class Tasks:
    def __init__(self) -> None:
        self._remote: dict[Callable[..., Any], Any] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        remote = self._remote.get(function)
        if remote is None:
            remote = self._remote[function] = ray.remote(function)
        return remote.remote(*args)

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        return ray.get(handles)


class ActorCalls:
    """Calls of `add` of one actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return getattr(self._actor, function.__name__).remote(*args)

    def results(self, handles: Sequence[Any]) -> Iterable[Any]:
        return ray.get(handles)


class Store:
    put = staticmethod(ray.put)
    get = staticmethod(ray.get)


def _pause() -> None:
    time.sleep(2)


def measure(folder: str, sizes: dict[str, int]) -> dict[str, Any]:
    address = pathlib.Path(folder, "address").read_text()
    ray.init(address=address, log_to_driver=False, _temp_dir=folder)
    adder = ray.remote(works.Adder)
    # Two tasks at the same time start both workers before anything is measured.
    pause = ray.remote(_pause)
    ray.get([pause.remote() for _ in range(2)])
    first = adder.remote()
    works.expect(ray.get(first.add.remote(1, 2)), 3)
    actors = [first]

    def second() -> None:
        actors.append(adder.remote())
        works.expect(ray.get(actors[1].add.remote(1, 2)), 3)

    second_actor = 1000 * works.seconds_of(second)
    ray.kill(actors.pop())
    calls, actor = Tasks(), ActorCalls(first)
    told = {
        "second_actor": second_actor,
        "actor_sync": works.serial(actor, sizes["serial"]),
        "actor_async": works.all_at_once(actor, sizes["calls"]),
    }
    ray.kill(actors.pop())
    return {
        **told,
        "task_sync": works.serial(calls, sizes["serial"]),
        "task_async": works.all_at_once(calls, sizes["calls"]),
        **works.bytes_both_ways(calls, sizes, "task_"),
        **works.objects_of_both_sizes(Store(), sizes),
    }
