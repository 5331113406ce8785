"""A client that says it runs another Python: refused by name, before anything is unpickled."""

import json

import flamepy
from flamepy import PythonVersionError, RemoteTaskError, RunnerContext, RunnerRequest
from flamepy._values import envelope


def outcome(call):
    try:
        return call().get()
    except RemoteTaskError as error:
        return [error.message, isinstance(error.__cause__, PythonVersionError)]


real = envelope.PYTHON
found = {"real": real}
with flamepy.create_session("flmrun", RunnerContext(lambda: 1)) as ssn:
    envelope.PYTHON = "3.11"
    found["request"] = outcome(lambda: ssn.invoke(RunnerRequest()))
    with flamepy.create_session("flmrun", RunnerContext(lambda: 1)) as other:
        envelope.PYTHON = real
        found["session"] = outcome(lambda: other.invoke(RunnerRequest()))
    found["afterwards"] = outcome(lambda: ssn.invoke(RunnerRequest()))

print(json.dumps(found))
