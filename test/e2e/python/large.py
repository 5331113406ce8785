"""64 MiB as an argument, as the execution object and as a result."""

import hashlib
import json

import flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind

SIZE = 64 * 1024 * 1024


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def pattern(size):
    return bytes(range(256)) * (size // 256)


found = {"expected": digest(pattern(SIZE))}

with flamepy.create_session("flmrun", RunnerContext(lambda data: digest(data))) as ssn:
    request = ssn.request()
    request.set_object(pattern(SIZE))
    found["set_object on a request of the session"] = ssn.invoke(request).get()
    request = RunnerRequest()
    request.set_object(ssn.id, pattern(SIZE))
    found["set_object with the id of the session"] = ssn.invoke(request).get()
    found["args beyond the size of a message"] = ssn.invoke(
        RunnerRequest(args=(pattern(SIZE),))
    ).get()


class Table:
    def __init__(self):
        self.data = pattern(SIZE)

    def digest(self):
        return digest(self.data)

    def replace(self, value):
        self.data = bytes([value]) * SIZE


context = RunnerContext(Table(), RunnerServiceKind.Stateless)
with flamepy.create_session("flmrun", context) as ssn:
    found["execution object"] = ssn.invoke(RunnerRequest("digest")).get()

with flamepy.create_session("flmrun", RunnerContext(Table())) as ssn:
    found["stateful execution object"] = ssn.invoke(RunnerRequest("digest")).get()
    ssn.invoke(RunnerRequest("replace", args=(7,)))
    found["replaced"] = ssn.invoke(RunnerRequest("digest")).get()
    found["replaced, expected"] = digest(b"\7" * SIZE)

with flamepy.create_session("flmrun", RunnerContext(pattern)) as ssn:
    found["result"] = digest(ssn.invoke(RunnerRequest(args=(SIZE,))).get())

print(json.dumps(found))
