"""What a Python client of flamepy measures of a cluster, as one line of JSON; told by its arguments."""

import json
import sys
import time
import urllib.request
from typing import Any

import flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind


def add(a: int, b: int) -> int:
    return a + b


def session() -> Any:
    context = RunnerContext(execution_object=add, kind=RunnerServiceKind.Stateless)
    return flamepy.create_session("flmrun", context)


def request(i: int) -> RunnerRequest:
    return RunnerRequest(method=None, args=(i, 2))


def timed(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rested(metrics: str, warm: int) -> bool:
    """Whether the node has no executor, and so many services of flmrun wait for a session."""
    with urllib.request.urlopen(metrics) as reply:
        lines = [line for line in reply.read().decode().splitlines() if " " in line]
    told = dict(line.rsplit(" ", 1) for line in lines)
    executors = [int(n) for name, n in told.items() if name.startswith("flame_node_executors")]
    ready = int(told.get('flame_warm_services{application="flmrun"}', "0"))
    return sum(executors) == 0 and ready == warm


def sessions(count: int, metrics: str, warm: int) -> dict[str, Any]:
    """One session after the other: from its creation to its first result, in milliseconds."""
    # Connected before the clock runs.
    flamepy.list_applications()
    times = []
    for _ in range(count):
        while not rested(metrics, warm):
            time.sleep(0.02)
        begun = time.perf_counter()
        ssn = session()
        assert ssn.invoke(request(1)).get() == 3
        times.append(1000 * (time.perf_counter() - begun))
        ssn.close()
    return {"times": times}


def calls(count: int, serial: int) -> dict[str, Any]:
    """Calls one by one, in milliseconds, then all at once, in one session whose service has begun."""
    with session() as ssn:
        for i in range(20):
            assert ssn.invoke(request(i)).get() == i + 2

        def one() -> None:
            assert ssn.invoke(request(1)).get() == 3

        times = [timed(one) for _ in range(serial)]

        def all_at_once() -> None:
            futures = [ssn.run(request(i)) for i in range(count)]
            for i, future in enumerate(futures):
                assert future.result().get() == i + 2

        seconds = timed(all_at_once)
    return {"rate": count / seconds, "times": [1000 * one for one in times]}


def main() -> dict[str, Any]:
    what, *given = sys.argv[1:]
    if what == "sessions":
        return sessions(int(given[0]), given[1], int(given[2]))
    if what == "calls":
        return calls(int(given[0]), int(given[1]))
    raise SystemExit(f"no such work: {what}")


if __name__ == "__main__":
    print(json.dumps(main()))
