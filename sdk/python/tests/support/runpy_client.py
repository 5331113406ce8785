"""A client of one runpy process, and what it sends there."""

import threading
import time
from pathlib import Path
from typing import Any

import cloudpickle

import flamepy
import tests
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind, Task, TaskState
from flamepy._calls.requests import encode_context, encode_request
from flamepy._results.result import decode_result, failure_of
from flamepy.proto import types_pb2
from tests.support.instance import InstanceProcess


class Client:
    """Does what a session does, without a session manager in between."""

    def __init__(self, process: InstanceProcess) -> None:
        self.process = process
        self.prefix = f"{process.application}/{process.session_id}"
        self.tasks = 0

    def enter(self, thing: Any, kind: RunnerServiceKind | None = None, url: str = "") -> None:
        data = encode_context(by_value(RunnerContext(thing, kind)), self.prefix)
        result = self.process.enter(data, url or None)
        assert result.return_code == 0, result.message

    def call(self, request: RunnerRequest, task_id: str | None = None) -> Any:
        self.tasks += 1
        result = self.process.invoke(task_id or str(self.tasks), self.data(request))
        return self.value(result)

    def data(self, request: RunnerRequest) -> bytes:
        return encode_request(by_value(request), self.prefix)

    def value(self, result: types_pb2.TaskResult) -> Any:
        if result.return_code != 0:
            event = flamepy.Event(3, result.message)
            task = Task("1", "s", TaskState.FAILED, event.creation_time, None, result.output)
            task.events.append(event)
            raise failure_of(task)
        return decode_result(result.output, self.prefix).get()


def by_value[T](thing: T) -> T:
    """Pickle what the tests define by value, as what a client's main program defines is."""
    cloudpickle.register_pickle_by_value(tests)
    return thing


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self, n: int) -> int:
        self.value += n
        return self.value

    def add_then_fail(self, n: int) -> None:
        self.value += n
        raise ValueError(f"after {n}")

    def result_that_cannot_be_pickled(self, n: int) -> Any:
        self.value += n
        return threading.Lock()


class Adder:
    factor = 10

    def __init__(self, start: int = 0) -> None:
        self.start = start

    def __call__(self, n: int = 1) -> int:
        return self.start + n

    @staticmethod
    def double(n: int) -> int:
        return 2 * n


def add(a: int = 0, b: int = 0) -> int:
    return a + b


def wait_for_file(path: Path) -> str:
    """Wait on an executor until a test says so."""
    deadline = time.monotonic() + 60
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(str(path))
        time.sleep(0.01)
    return path.name
