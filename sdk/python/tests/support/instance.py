"""A real service process on a unix socket, driven as an executor manager does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

import flamepy
from flamepy.proto import service_pb2, shim_pb2, shim_pb2_grpc, types_pb2
from tests.support.wait import wait_for

_SECONDS = 30
_SDK = Path(flamepy.__file__).parents[1]


class InstanceProcess:
    """Starts ``python -m <module>`` (or a file), and asks it on its stream.

    Args:
        calls: ask it by the calls of ``flame.v1.Instance``, as the published executor manager does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        arguments: tuple[str, ...] = ("-m", "flamepy.runpy"),
        cache_endpoint: str = "",
        env: dict[str, str] | None = None,
        output: int | None = None,
        calls: bool = False,
    ) -> None:
        self.calls = calls
        self.socket = folder / "i.sock"
        self.tasks = folder / "i.task"
        self.log = folder / "instance.log"
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(_SDK),
            "PYTHONWARNINGS": "error",
            "FLAME_INSTANCE_ENDPOINT": str(self.socket),
            **({} if calls else {"FLAME_TASKS_ENDPOINT": str(self.tasks)}),
            "FLAME_CACHE_ENDPOINT": cache_endpoint,
            **(env or {}),
        }
        self._arguments = arguments
        self._output = output
        self.application = "flmrun"
        self.session_id = "flmrun-abc123"

    def __enter__(self) -> InstanceProcess:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.tasks.unlink(missing_ok=True)
        self._listener.bind(str(self.tasks))
        self._listener.listen()
        self._listener.settimeout(0.1)
        self.stub: Any = None
        self._channel: grpc.Channel | None = None
        self._stream: TaskStream | None = None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments],
                env=self._env,
                stdout=log if self._output is None else self._output,
                stderr=log,
            )
        if self.calls:
            wait_for(self._listening, f"the socket of the service:\n{self.log.read_text()}")
            self._connect()
        else:
            tasks, results = (self._accepted() for _ in range(2))
            self._stream = TaskStream(tasks, results, self.session_id)
        return self

    def _accepted(self) -> socket.socket:
        accepted: list[socket.socket] = []

        def accepts() -> bool:
            self._check_lives()
            with suppress(TimeoutError):
                accepted.append(self._listener.accept()[0])
            return bool(accepted)

        wait_for(accepts, "the service to connect")
        accepted[0].setblocking(True)
        return accepted[0]

    def _connect(self) -> None:
        self._channel = grpc.insecure_channel(
            f"unix:{self.socket}",
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        stub: Any = shim_pb2_grpc.InstanceStub
        self.stub = stub(self._channel)

    def __exit__(self, *_: object) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._stream is not None:
            self._stream.close()
        self._listener.close()
        self.process.kill()
        self.process.wait()

    def enter(self, common_data: bytes | None, url: str | None = None) -> types_pb2.Result:
        """Have it enter a session."""
        context = shim_pb2.SessionContext(
            session_id=self.session_id,
            application=shim_pb2.ApplicationContext(name=self.application, url=url),
            common_data=common_data,
        )
        return self.enter_with(context)

    def enter_with(self, context: shim_pb2.SessionContext) -> types_pb2.Result:
        """Have it enter this session."""
        if self._stream is not None:
            return self._stream.step(service_pb2.TaskBatch(enter=context))
        result: types_pb2.Result = self.stub.OnSessionEnter(context, wait_for_ready=True)
        return result

    def invoke(self, task_id: str, data: bytes | None) -> types_pb2.TaskResult:
        """Have it run a task."""
        if self._stream is not None:
            self._stream.send((task_id, data))
            answer = self._stream.answer()
            assert answer.task_id == task_id
            return answer.result
        context = shim_pb2.TaskContext(task_id=task_id, session_id=self.session_id, input=data)
        result: types_pb2.TaskResult = self.stub.OnTaskInvoke(context)
        return result

    def stream(self) -> TaskStream:
        """Return the stream that the service has made."""
        assert self._stream is not None
        return self._stream

    def leave(self) -> types_pb2.Result:
        """Have it leave its session."""
        if self._stream is not None:
            return self._stream.step(service_pb2.TaskBatch(leave=True))
        result: types_pb2.Result = self.stub.OnSessionLeave(types_pb2.EmptyRequest())
        return result

    def terminate(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def _listening(self) -> bool:
        self._check_lives()
        return self.socket.exists()

    def _check_lives(self) -> None:
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended at once:\n{self.log.read_text()}")


class TaskStream:
    """The stream of a service, as an executor manager of this make has one."""

    def __init__(self, tasks: socket.socket, results: socket.socket, session_id: str) -> None:
        self._session_id = session_id
        self.tasks = tasks
        self._results = results
        self._results.settimeout(_SECONDS)
        self._reader = results.makefile("rb")
        hello = self.batch()
        #: The first word of the service.
        self.hello = hello if hello is not None else service_pb2.ResultBatch()

    def send(self, *tasks: tuple[str, bytes | None], recall: bool = False) -> None:
        """Send tasks in one message."""
        contexts = [
            shim_pb2.TaskContext(task_id=task_id, session_id=self._session_id, input=data)
            for task_id, data in tasks
        ]
        self._say(service_pb2.TaskBatch(tasks=contexts, recall=recall))

    def step(self, batch: service_pb2.TaskBatch) -> types_pb2.Result:
        """Have it enter or leave its session, and wait for what it says."""
        self._say(batch)
        told = self.batch()
        assert told is not None
        assert told.HasField("done")
        return told.done

    def _say(self, batch: service_pb2.TaskBatch) -> None:
        data = batch.SerializeToString()
        self.tasks.sendall(len(data).to_bytes(4, "big") + data)

    def answer(self) -> service_pb2.Answer:
        """Wait for the next result."""
        batch = self.batch()
        assert batch is not None
        assert len(batch.answers) == 1
        return batch.answers[0]

    def batch(self) -> service_pb2.ResultBatch | None:
        """Wait for the next message; None when nothing more comes."""
        head = self._reader.read(4)
        if head == b"":
            return None
        return service_pb2.ResultBatch.FromString(self._reader.read(int.from_bytes(head, "big")))

    def end(self) -> None:
        """Say that no further task comes."""
        self.tasks.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give it up."""
        self.tasks.close()
        self._reader.close()
        self._results.close()
