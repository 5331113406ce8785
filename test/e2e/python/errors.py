"""Errors of the user's code, and of wrong requests."""

import json
import traceback

import flamepy
from flamepy import RemoteTaskError, RunnerContext, RunnerRequest


class OwnError(Exception):
    pass


def outer(n):
    return inner(n)


def inner(n):
    raise OwnError(f"no {n} here")


with flamepy.create_session("flmrun", RunnerContext(outer)) as ssn:
    found = {}
    for name, call in {
        "invoke": lambda request: ssn.invoke(request),
        "future": lambda request: ssn.run(request).result(60),
    }.items():
        try:
            call(RunnerRequest(args=(1,)))
        except RemoteTaskError as error:
            found[name] = {
                "message": error.message,
                "type": error.remote_type,
                "cause": repr(error.__cause__),
                "frames": [
                    line.strip().rpartition(" in ")[2]
                    for line in error.remote_traceback.splitlines()
                    if " in " in line
                ],
                "printed": "in inner" in "".join(traceback.format_exception(error)),
            }
    try:
        ssn.invoke(RunnerRequest("nothing"))
    except RemoteTaskError as error:
        found["unknown method"] = error.message
    try:
        RunnerRequest(args=(1,), kwargs={})
    except ValueError as error:
        found["two inputs"] = str(error)
    found["task"] = ssn.get_task("1").failure()
    found["counts"] = [flamepy.get_session(ssn.id).failed, flamepy.get_session(ssn.id).succeed]

print(json.dumps(found))
