"""Three stateful sessions at once where only two instances fit."""

import json

import flamepy
from flamepy import ResourceRequirement, RunnerContext, RunnerRequest


class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value


cpus = sum(node.status.allocatable.cpu for node in flamepy.list_nodes())
half = ResourceRequirement(cpu=max(cpus // 2, 1), memory=1 << 20)
sessions = [
    flamepy.create_session("flmrun", RunnerContext(Counter()), resreq=half) for _ in range(3)
]
values = []
for _ in range(4):
    futures = [ssn.run(RunnerRequest("add", args=(at,))) for at, ssn in enumerate(sessions)]
    values.append([future.result(60).get() for future in futures])
for ssn in sessions:
    ssn.close()

print(json.dumps({"fit": cpus // half.cpu, "values": values}))
