"""A program for flamepy 0.6.0 that uses most of it, and prints what it saw as JSON.

It runs in a folder of its own, with the published flamepy and with ours, and sees the same.
"""

import asyncio
import json
import sys
from concurrent.futures import as_completed, wait
from pathlib import Path
from typing import Any

import flamepy
from flamepy import runner
from flamepy.core import ObjectKey, cache, get_session
from flamepy.core.types import short_name
from flamepy.runner import ErrorType, RunnerError, SessionContext, get_data
from flamepy.service import Session

HOME_PYTHON = "${FLAME_HOME}/work/flmrun/.venv/bin/python"
SERVICE = Path(__file__).with_name("service_for_0_6_0.py")


class Counter:
    """Counts."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def get(self) -> int:
        return self.count

    def fail(self) -> None:
        self.count += 100
        raise ValueError("as told")


class Recursive:
    """Calls itself through a Runner of its own application, in its own session."""

    _session_context = SessionContext(session_id="recursive", application_name="names")

    def compute(self, depth: int) -> int:
        if depth == 0:
            return 1
        from flamepy.runner import Runner

        with Runner("whole") as inner:
            below: int = inner.service(Recursive).compute(depth - 1).get()
            return 2 * below


def greet(name: str, greeting: str = "Hello") -> str:
    return f"{greeting}, {name}!"


def names_on_the_node() -> list[str]:
    import flamepy.__main__
    import flamepy.cache
    import flamepy.core.cache
    import flamepy.runner
    import flamepy.runner.storage
    import flamepy.service

    wanted = {
        flamepy.cache: "patch_object delete_objects",
        flamepy.core.cache: "Patch Object FetchMode FetchResult CachePayload",
        flamepy.runner: "Runner RunnerService ObjectFuture get_data RunnerError ErrorType",
        flamepy.runner.storage: "CacheStorage FileStorage HttpStorage create_storage_backend",
        flamepy.service: "FlameInstance Session",
    }
    return [
        name
        for module, listed in wanted.items()
        for name in listed.split()
        if not hasattr(module, name)
    ]


def error_of(call: Any, *arguments: Any, **more: Any) -> list[str]:
    """Return which kinds of error a call raises."""
    kinds = (flamepy.FlameError, KeyError, ValueError, TypeError, TimeoutError, RunnerError)
    try:
        call(*arguments, **more)
    except Exception as error:
        told = [kind.__name__ for kind in kinds if isinstance(error, kind)]
        code = getattr(error, "code", None)
        return [*told, code.name] if isinstance(code, flamepy.FlameErrorCode) else told
    return []


def runners() -> dict[str, Any]:
    seen: dict[str, Any] = {}
    with runner.Runner("whole", python_version="3.12") as rr:
        seen["listed"] = "whole" in [app.name for app in flamepy.list_applications()]
        seen["exists"] = error_of(runner.Runner, "whole", fail_if_exists=True)
        seen["names"] = rr.service(names_on_the_node)().get()
        greeting = rr.service(greet)
        results = [greeting("a"), greeting(name="b", greeting="Hi"), greeting("c", greeting="Ho")]
        seen["greetings"] = rr.get(results)
        seen["selected"] = sorted(result.get() for result in rr.select(results))
        rr.wait(results)
        seen["refs"] = [
            ref.key.startswith(f"whole/{greeting._session.id}/") for ref in rr.ref(results)
        ]
        seen["chained"] = greeting(results[0], greeting=rr.put_object("Yo")).get()
        counter = rr.service(Counter(10), warmup=1)
        rr.wait([counter.add(1), counter.add(number=2)])
        seen["failed"] = error_of(counter.fail().wait)
        seen["counted"] = counter.add(counter.get()).get()
        task = list(get_session(counter._session.id).list_tasks())
        told = [get_data(one.input or b"") for one in sorted(task, key=lambda one: int(one.id))]
        seen["inputs"] = [[one["type"], one["method"], one["args"], one["kwargs"]] for one in told]
        counter.close()
        fixed = rr.service(Counter, autoscale=False)
        seen["fixed"] = [fixed.add(1).get(), fixed.add(1).get()]
        seen["refused"] = [
            error_of(rr.service, Counter(), autoscale=True),
            error_of(rr.service, Counter(), warmup=2),
            error_of(rr.service, Counter, warmup=-1),
            error_of(rr.service, Counter, stateful=True),
            error_of(counter),
        ]
        for service in (greeting, fixed):
            service.close()  # What it has is needed below.
        recursive = rr.service(Recursive)
        seen["recursive"] = [recursive._session.id, recursive.compute(1).get()]
        again = runner.Runner("whole")
        length = again.service(len)
        seen["again"] = length("four").get()
        length.close()  # 0.6.0 closes none of an application that exists.
        again.close()
        recursive.close()
        seen["kept"] = flamepy.get_application("whole") is not None
    rr.close()
    seen["gone"] = flamepy.get_application("whole") is None
    seen["data"] = [error_of(get_data, data) for data in (b"", b"nothing")]
    seen["kinds"] = [kind.value for kind in ErrorType]
    return seen


def objects() -> dict[str, Any]:
    prefix = f"objects/{short_name('ssn')}"
    ref = flamepy.put_object(prefix, {"a": 1})
    seen: dict[str, Any] = {"put": [ref.version, ref.key.startswith(prefix + "/")]}
    seen["got"] = [flamepy.get_object(ref), flamepy.get_object(ref)]

    def both(base: Any, deltas: list[Any]) -> list[Any]:
        return [base, deltas]

    patched = cache.patch_object(cache.patch_object(ref, {"b": 2}), {"c": 3})
    seen["patched"] = [patched.version, flamepy.get_object(patched, deserializer=both)]
    ref.version = 0
    seen["forced"] = flamepy.get_object(ref, both)
    fetched = cache._fetch_object_data(ref, 2)
    assert fetched is not None
    seen["fetched"] = [fetched.mode.value, fetched.version, fetched.patches[0].data]
    updated = flamepy.update_object(patched, [1, 2])
    seen["updated"] = [updated.version, flamepy.get_object(updated, both)]
    Path("file").write_bytes(b"file")
    file = cache.upload_object("objects/pkg/file", "file")
    seen["file"] = [file.key, error_of(cache.upload_object, "objects/pkg/x", "nothing")]
    cache.delete_objects(prefix)
    cache.delete_objects(ObjectKey.for_all_sessions("objects").to_prefix())
    seen["deleted"] = "KeyError" in error_of(
        flamepy.get_object, flamepy.ObjectRef(ref.endpoint, ref.key)
    )
    seen["keys"] = [error_of(flamepy.put_object, key, 1) for key in ("a", "a/b/c", "a/../b", "")]
    return seen


def sessions() -> dict[str, Any]:
    def work(milliseconds: int = 0) -> bytes:
        return json.dumps({"duration": milliseconds, "memory": None}).encode()

    ssn = flamepy.create_session("flmping", max_instances=2)
    futures = [ssn.run(work()) for _ in range(5)]
    seen: dict[str, Any] = {"done": len(wait(futures, 60).done), "waited": 0}
    seen["waited"] = sum(future.result() is not None for future in as_completed(futures))
    task = ssn.create_task(work())
    states = [update.state.name for update in ssn.watch_task(task.id)]
    seen["watched"] = [task.id, task.state.name, states[-1], ssn.get_task(task.id).is_completed()]
    tasks = sorted(ssn.list_tasks(), key=lambda one: int(one.id))
    seen["tasks"] = [[one.id, one.state.name, one.input is not None] for one in tasks]
    seen["failed"] = error_of(ssn.invoke, b"no JSON")
    seen["input"] = error_of(ssn.invoke, "text")
    spec = flamepy.SessionAttributes(application="flmping", id=ssn.id, max_instances=2)
    seen["opened"] = [
        flamepy.open_session(ssn.id).id == ssn.id,
        flamepy.open_session(ssn.id, spec).id == ssn.id,
        error_of(flamepy.open_session, "nobody"),
    ]
    ssn.close()
    found = get_session(ssn.id)
    seen["closed"] = [found.state.name, found.succeed, found.failed, found.pending]
    need = flamepy.ResourceRequirement.from_string("cpu=1,mem=1Gi")
    seen["resources"] = [need.cpu, need.memory, "ValueError" in error_of(need.from_string, "cpu=x")]
    return seen


def services() -> dict[str, Any]:
    attributes = flamepy.ApplicationAttributes(
        command=HOME_PYTHON, arguments=[str(SERVICE)], description="of one function"
    )
    flamepy.register_application("greeter", attributes)
    made = flamepy.get_application("greeter")
    assert made is not None
    seen: dict[str, Any] = {"made": [made.name, made.state.name, made.description, made.url]}
    with Session("greeter", {"greeting": "Hi"}, resreq={"cpu": 1}) as ssn:
        seen["answers"] = [ssn.invoke("a"), ssn.invoke({"greeting": "Ho"}), ssn.invoke("b")]
        seen["context"] = ssn.context()
        seen["other"] = Session(session_id=ssn.id()).invoke("c")
        seen["failed"] = error_of(ssn.invoke, ["fail"])
    seen["bare"] = Session(name="greeter").invoke("d")
    seen["refused"] = [error_of(Session), error_of(Session, "greeter", session_id="s")]
    for left in flamepy.list_sessions():
        if left.application == "greeter" and left.state == flamepy.SessionState.OPEN:
            left.close()
    flamepy.unregister_application("greeter")
    seen["gone"] = flamepy.get_application("greeter")
    return seen


async def later() -> bool:
    ssn = flamepy.create_session("flmping")
    try:
        return await asyncio.wrap_future(ssn.run(b"{}")) is not None
    finally:
        ssn.close()


def main() -> None:
    parts: dict[str, Any] = {"runners": runners, "objects": objects, "services": services}
    seen = {name: part() for name, part in parts.items()}
    seen["sessions"] = {**sessions(), "awaited": asyncio.run(later())}
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
