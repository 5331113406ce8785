"""Streams of tasks on which a test says what is answered: ``flame.stream.v1.Clients``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import grpc

from flamepy import Session, TaskFuture
from flamepy.proto import clients_pb2, clients_pb2_grpc, types_pb2
from tests.support.wait import wait_for

_SECONDS = 30
_Status = tuple[grpc.StatusCode, str]


class FakeStream:
    """One stream.

    Attributes:
        messages: what the client sent.
        metadata: what the client said of itself.
        ended: the client sends nothing more.
    """

    def __init__(self, metadata: dict[str, str]) -> None:
        self.messages: list[clients_pb2.TasksRequest] = []
        self.metadata = metadata
        self.ended = threading.Event()
        self._answers: SimpleQueue[clients_pb2.TasksResponse | _Status | None] = SimpleQueue()

    @property
    def inputs(self) -> list[tuple[int, int, bytes]]:
        """Lane, number and data of what was submitted, in order."""
        return [
            (group.lane, group.first + at, each.data)
            for message in list(self.messages)
            for group in message.submits
            for at, each in enumerate(group.inputs)
        ]

    @property
    def lanes(self) -> list[clients_pb2.Lane]:
        """The lanes that were opened, in order."""
        return [lane for message in list(self.messages) for lane in message.lanes]

    @property
    def follows(self) -> list[tuple[int, int, int]]:
        """Lane, first number and count of what was asked for again."""
        return [
            (follow.lane, follow.first, follow.count)
            for message in list(self.messages)
            for follow in message.follows
        ]

    def acknowledge(self, first: int, count: int = 1, first_task: int = 0, lane: int = 1) -> None:
        """Say that submits are tasks, with their numbers as ids unless told."""
        told = clients_pb2.SubmitAcknowledgement(
            lane=lane, first=first, count=count, first_task=first_task or first, creation_time=1.0
        )
        self.answer(clients_pb2.TasksResponse(acknowledgements=[told]))

    def refuse(
        self, first: int, code: grpc.StatusCode, text: str, retry_after: int | None = None
    ) -> None:
        """Say that a submit is no task."""
        told = clients_pb2.SubmitRefusal(
            lane=1,
            first=first,
            count=1,
            code=code.value[0],
            message=text,
            retry_after=retry_after,
        )
        self.answer(clients_pb2.TasksResponse(refusals=[told]))

    def succeed(self, *numbers: int, lane: int = 1) -> None:
        """Give results, which are ``=`` and the number."""
        first = min(numbers)
        results = [
            clients_pb2.Result(
                offset=number - first,
                state=types_pb2.Succeed,
                output=b"=%d" % number,
            )
            for number in numbers
        ]
        group = clients_pb2.Results(lane=lane, first=first, results=results)
        self.answer(clients_pb2.TasksResponse(results=[group]))

    def give(self, number: int, **fields: Any) -> None:
        """Give one result."""
        group = clients_pb2.Results(
            lane=1, first=number, results=[clients_pb2.Result(offset=0, **fields)]
        )
        self.answer(clients_pb2.TasksResponse(results=[group]))

    def end_lane(self, code: grpc.StatusCode, text: str) -> None:
        """End the first lane."""
        end = clients_pb2.LaneEnd(lane=1, code=code.value[0], message=text)
        self.answer(clients_pb2.TasksResponse(ends=[end]))

    def answer(self, response: clients_pb2.TasksResponse) -> None:
        """Send a message."""
        self._answers.put(response)

    def fail(self, code: grpc.StatusCode, text: str = "") -> None:
        """End the stream with an error."""
        self._answers.put((code, text))

    def read(self, requests: Iterator[clients_pb2.TasksRequest]) -> None:
        try:
            self.messages.extend(requests)
        except grpc.RpcError:
            pass  # It was reset.
        self.ended.set()
        self._answers.put(None)

    def responses(self, context: Any) -> Iterator[clients_pb2.TasksResponse]:
        while True:
            answer = self._answers.get()
            if answer is None:
                return
            if isinstance(answer, tuple):
                context.abort(*answer)
            assert isinstance(answer, clients_pb2.TasksResponse)
            yield answer


class FakeStreams(clients_pb2_grpc.ClientsServicer):
    """Keeps the streams that clients open.

    Attributes:
        all: the streams, in order.
        refusal: with what the next streams are refused; None: they are served.
    """

    def __init__(self) -> None:
        self.all: list[FakeStream] = []
        self.refusal: _Status | None = None

    def number(self, count: int) -> FakeStream:
        """Return the stream that is opened as the ``count``-th one."""
        wait_for(lambda: len(self.all) >= count, f"stream {count}")
        return self.all[count - 1]

    def Tasks(self, requests: Any, context: Any) -> Iterator[clients_pb2.TasksResponse]:
        if self.refusal is not None:
            context.abort(*self.refusal)
        stream = FakeStream(dict(context.invocation_metadata()))
        self.all.append(stream)
        context.send_initial_metadata(())
        # The client's inputs are read beside what the test answers.
        threading.Thread(target=stream.read, args=(requests,), daemon=True).start()
        yield from stream.responses(context)


def opened(streams: FakeStreams, session: Session) -> FakeStream:
    """Let a first task of the session succeed, so that the client knows that there are streams."""
    stream, future = begun(streams, lambda: session.run(b"first"))
    stream.succeed(1)
    assert future.result(_SECONDS) == b"=1"
    return stream


def begun(streams: FakeStreams, run: Any) -> tuple[FakeStream, TaskFuture]:
    """Submit the first input of a connection, which waits for the answer."""
    futures: list[TaskFuture] = []
    thread = threading.Thread(target=lambda: futures.append(run()))
    thread.start()
    stream = streams.number(1)
    wait_for(lambda: stream.inputs, "the first input")
    stream.acknowledge(1)
    thread.join(_SECONDS)
    return stream, futures[0]
