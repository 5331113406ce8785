"""A stateful object: changes are kept, those of failed calls are not."""

import json

import flamepy
from flamepy import RemoteTaskError, RunnerContext, RunnerRequest


class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value

    def add_and_fail(self, n):
        self.value += n
        raise ValueError("after all")


with flamepy.create_session("flmrun", RunnerContext(Counter())) as ssn:
    values = [ssn.invoke(RunnerRequest("add", args=(n,))).get() for n in (2, 4)]
    try:
        ssn.invoke(RunnerRequest("add_and_fail", args=(100,)))
    except RemoteTaskError as error:
        values.append(error.message)
    futures = [ssn.run(RunnerRequest("add", args=(1,))) for _ in range(20)]
    values.append(sorted(future.result(60).get() for future in futures))

print(json.dumps(values))
