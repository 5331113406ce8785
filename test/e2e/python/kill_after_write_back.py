"""The service dies between keeping the state and answering: the call is applied once."""

import json
import os

import flamepy
from flamepy import RunnerContext, RunnerRequest


class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value


with flamepy.create_session("dies", RunnerContext(Counter())) as ssn:
    first = ssn.invoke(RunnerRequest("add", args=(5,)), timeout=60).get()
    died = os.path.exists(os.environ["TEST_MARKER"])
    second = ssn.invoke(RunnerRequest("add", args=(1,)), timeout=60).get()
    events = [event.code for event in ssn.get_task("1").events]

print(json.dumps({"died": died, "values": [first, second], "events": events}))
