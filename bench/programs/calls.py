"""What a Python client of flamepy measures of a cluster, as one line of JSON; told by its arguments."""

import json
import sys
import time
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


def first() -> dict[str, Any]:
    """From the creation of a session to the first result."""
    sessions = []

    def work() -> None:
        sessions.append(session())
        assert sessions[0].invoke(request(1)).get() == 3

    # Connected before the clock runs.
    flamepy.list_applications()
    seconds = timed(work)
    sessions[0].close()
    return {"seconds": seconds}


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
    if what == "first":
        return first()
    if what == "calls":
        return calls(int(given[0]), int(given[1]))
    raise SystemExit(f"no such work: {what}")


if __name__ == "__main__":
    print(json.dumps(main()))
