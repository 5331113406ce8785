"""The stream of tasks of one connection: ``flame.stream.v1.Clients/Tasks``.

Three parties share it. Whoever submits appends to an inbox, without a lock. gRPC's thread of the
call asks for the next message when the one before has left, so that what gathers meanwhile goes
with it; it sleeps when there is none. One thread of ours reads what comes, ends futures, and opens
the stream again when it broke. It ends, and the stream with it, when nothing needs them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import grpc

from flamepy._client.channel import CALL_SECONDS, broke_off, retry_delay
from flamepy._model.errors import FlameErrorCode
from flamepy._process.at_exit import LEAVE_SECONDS, leave_before_exit
from flamepy._process.forks import refuse_in_forked_child
from flamepy._process.waits import Waits
from flamepy._streams.fault import StreamFault
from flamepy._streams.lanes import StreamLanes
from flamepy._streams.pauses import StreamPauses
from flamepy._streams.streamed_future import StreamedFuture
from flamepy._streams.submit_lane import End, SubmitLane
from flamepy.proto import clients_pb2

#: A session manager that does not answer for so long is taken for one that is away.
_ANSWER_SECONDS = 60.0
#: A stream without work stays open for so long.
_IDLE_SECONDS = 5.0
#: After one that has no streams another session manager may answer: it is asked again then.
_ASK_AGAIN_SECONDS = 60.0
#: The writer looks by itself after so long: a Ctrl-C may come between a submit and its wake-up.
_LOOK_SECONDS = 1.0
#: The threads of a call take milliseconds to begin.
_BEGIN_SECONDS = 5.0

_CLOSED = StreamFault(FlameErrorCode.INVALID_STATE, "the connection is closed")
_ENDED = StreamFault(
    FlameErrorCode.INTERNAL,
    "the session manager ended the stream of tasks",
    grpc.StatusCode.UNAVAILABLE,
)

_log = logging.getLogger("flamepy")


class ClientStream:
    """Submits of any number of sessions, and their results; safe to be used by many threads.

    Args:
        open_call: ``Tasks`` of the stub.
        metadata: makes the metadata of one call.
    """

    def __init__(
        self,
        open_call: Callable[..., Any],
        metadata: Callable[[], tuple[tuple[str, str], ...]],
    ) -> None:
        self._open_call = open_call
        self._metadata = metadata
        self._process = os.getpid()
        # Reentrant: the collector may call functions of the user's wherever memory is asked for.
        self._lock = threading.RLock()
        self._waits = Waits(self._lock)
        self._lanes = StreamLanes()
        self._inbox: deque[tuple[SubmitLane, StreamedFuture]] = deque()
        #: Whether the session manager has streams; None while that is not known.
        self._served: bool | None = None
        self._ask_again = 0.0
        self._closed = False
        self._closing = threading.Event()
        #: Whether there is a reader, and whether the writer of its call sleeps.
        self._running = False
        self._asleep = False
        #: Whether there are threads for what is submitted: none can begin when a program ends.
        self._begun = threading.Event()
        #: Of the present call: wakes its writer; None between two calls.
        self._wake: SimpleQueue[None] | None = None
        self._call: Any = None
        self._opened_at = 0.0
        self._is_open = False
        self._answered = False
        self._probed = False
        self._ended_here = False
        self._writer_fault: Exception | None = None
        self._pauses = StreamPauses()
        leave_before_exit(self)

    def submit(self, lane: SubmitLane, future: StreamedFuture) -> bool:
        """Hand an input in. It leaves at once, or with the next message while one leaves. The first
        one of a connection waits for the answer of the session manager.

        Returns:
            False where the session manager has no streams, or this one has too many lanes: nothing
            becomes of the future then.

        Raises:
            FlameError: INVALID_STATE, in a process that was forked meanwhile.
        """
        refuse_in_forked_child(self._process)
        served = self._served
        if served is False:
            if time.monotonic() < self._ask_again:
                return False
            served = self._served = None
        if not self._lanes.has_room_for(lane):
            return False
        future.probing = served is None
        self._inbox.append((lane, future))
        self._stir()
        if not self._begun.is_set():
            self._begin()
        if self._closed:
            self.close()  # Which may have looked before this came.
        return True if served else self._verdict(future)

    def take_back(self, future: StreamedFuture) -> bool:
        """See that an input is not sent; False when it was, and may be a task."""
        refuse_in_forked_child(self._process)
        with self._lock:
            if future.number or future.doubtful or future.task is not None or future.done():
                return False
            future.taken_back = True
            return True

    def take_back_all(self, lane: SubmitLane) -> list[StreamedFuture]:
        """Do so with all of a lane; returns what is not sent."""
        refuse_in_forked_child(self._process)
        with self._lock:
            self._drain()
            taken = lane.take_waiting()
            self._lanes.look(lane, time.monotonic())
            return taken

    def await_settled(self, lane: SubmitLane | None, seconds: float, unsent: bool) -> None:
        """Wait until all that was sent is acknowledged or refused, or the time is over.

        Args:
            lane: None for all.
            unsent: wait for what was not sent yet as well.
        """

        def settled() -> bool:
            self._drain()
            return self._lanes.are_settled(lane, unsent)

        self._await(settled, seconds)

    def await_task(self, future: StreamedFuture, seconds: float | None) -> int | str | None:
        """Return the task of a future, once it is known; None when none came or time is over."""
        self._await(lambda: future.task is not None or future.done(), seconds)
        return future.task

    def fetched(self) -> None:
        """A result that was too large for the stream is here: another may come."""
        with self._lock:
            self._lanes.give_credit(1, 0)
        self._stir()

    def close(self) -> None:
        """End what is under way with an error, after it has left. Idempotent."""
        if self._process != os.getpid():
            return  # All that it has is its parent's.
        if not self._closed:
            self.await_settled(None, LEAVE_SECONDS, unsent=True)
        with self._lock:
            self._closed = True
            self._drain()
            ends = self._lanes.fail_all(_CLOSED, time.monotonic())
            call, wake = self._call, self._wake
        self._closing.set()
        if wake is not None:
            wake.put(None)
        if call is not None and ends:
            call.cancel()
        self._settle(ends)

    def _await(self, condition: Callable[[], bool], seconds: float | None) -> None:
        refuse_in_forked_child(self._process)
        self._waits.wait(condition, seconds)

    def _verdict(self, future: StreamedFuture) -> bool:
        """Wait until it is known whether there are streams."""
        self._await(lambda: self._served is not None or future.done(), CALL_SECONDS)
        with self._lock:
            future.probing = False
            if self._served is not False or future.done():
                return True
            future.taken_back = True
            return False

    def _drain(self) -> None:
        while self._inbox:
            self._lanes.enter(*self._inbox.popleft())

    def _stir(self) -> None:
        """Have the writer look."""
        if self._asleep:
            # In this order, or the writer could sleep while it is taken to be awake.
            self._asleep = False
            wake = self._wake
            if wake is not None:
                wake.put(None)

    def _begin(self) -> None:
        """See that there is a reader, and the threads of a call."""
        with self._lock:
            if self._closed:
                return
            begins, self._running = not self._running, True
        try:
            if begins:
                # A daemon: a program may end without its results.
                threading.Thread(target=self._read, name="flamepy-tasks", daemon=True).start()
        except BaseException:
            self._running = False
            raise
        self._begun.wait(_BEGIN_SECONDS)

    # Of the reader.

    def _read(self) -> None:
        try:
            while self._one_call():
                pass
        except Exception as error:  # A fault of ours: nobody is to wait forever.
            _log.exception("the stream of tasks ends")
            fault = StreamFault(FlameErrorCode.INTERNAL, f"a fault of flamepy: {error!r}")
            with self._lock:
                self._begun.clear()
                self._running = False
                self._drain()
                ends = self._lanes.fail_all(fault, time.monotonic())
            self._settle(ends)

    def _one_call(self) -> bool:
        """Open the stream and read it to its end; returns whether another is needed."""
        wake: SimpleQueue[None] = SimpleQueue()
        with self._lock:
            self._drain()
            self._lanes.renew()
            self._wake, self._asleep = wake, False
            self._opened_at = time.monotonic()
            self._is_open = self._answered = self._probed = self._ended_here = False
            self._writer_fault = None
        failure: grpc.RpcError | None = None
        try:
            failure = self._read_call(wake)
        finally:
            with self._lock:
                self._wake, self._asleep, self._call = None, False, None
            wake.put(None)
        if self._writer_fault is not None:
            raise self._writer_fault
        return self._after(failure)

    def _read_call(self, wake: SimpleQueue[None]) -> grpc.RpcError | None:
        try:
            try:
                self._call = call = self._open_call(self._requests(wake), metadata=self._metadata())
            finally:
                self._begun.set()
            call.initial_metadata()
            self._is_open = bool(call.is_active())
        except ValueError:  # What gRPC raises for a closed channel.
            self._closed = True
            return None
        while True:
            try:
                response = next(call)
            except StopIteration:
                return None
            except grpc.RpcError as error:
                return error
            except ValueError:  # The same, behind an interceptor.
                self._closed = True
                return None
            self._take(response)

    def _take(self, response: clients_pb2.TasksResponse) -> None:
        with self._lock:
            if self._closed:
                return
            first, self._answered, self._served = not self._answered, True, True
            self._pauses.answered()
            ends = self._lanes.take(response, time.monotonic())
            stir = self._asleep and (first or self._lanes.has_more)
        if stir:
            self._stir()
        self._settle(ends)

    def _settle(self, ends: list[End]) -> None:
        for future, end in ends:
            future.tasks.end(future, end)
        self._waits.tell()

    def _after(self, failure: grpc.RpcError | None) -> bool:
        """See what is to be done after a call has ended; returns whether another is needed."""
        now = time.monotonic()
        with self._lock:
            self._drain()
            pause = 0.0
            ends: list[End] = []
            by_calls: list[StreamedFuture] = []
            fault = _ENDED if failure is None else StreamFault.of_rpc(failure)
            if self._closed:
                ends = self._lanes.fail_all(_CLOSED, now)
            elif fault.status is grpc.StatusCode.UNIMPLEMENTED and not self._answered:
                by_calls = self._hand_over(now)
            elif failure is None and self._ended_here:
                pass
            elif failure is None or broke_off(failure) or retry_delay(failure) is not None:
                stood = now - self._opened_at if self._is_open else 0.0
                pause, away = self._pauses.broke_off(failure, fault.text, stood, now)
                ends = self._lanes.give_up(away, fault, now)
            else:
                ends = self._lanes.fail_all(fault, now)
        for future in by_calls:
            future.tasks.go_on_by_calls(future, fault)
        self._settle(ends)
        if not self._is_needed():
            return False
        if pause:
            self._closing.wait(pause)
        return True

    def _hand_over(self, now: float) -> list[StreamedFuture]:
        """There are no streams; returns what has to go on by a call for each task."""
        self._served = False
        self._ask_again = now + _ASK_AGAIN_SECONDS
        # Who waits to hear of it goes on by themselves.
        return [future for future in self._lanes.take_all(now) if not future.probing]

    def _is_needed(self) -> bool:
        with self._lock:
            self._drain()
            if self._lanes.is_busy and not self._closed:
                return True
            # In this order: whoever submits appends first, and looks for a reader then.
            self._begun.clear()
            self._running = False
            self._running = bool(self._inbox) and not self._closed
            return self._running

    # Of gRPC's thread of the call.

    def _requests(self, wake: SimpleQueue[None]) -> Iterator[clients_pb2.TasksRequest]:
        try:
            while True:
                request, seconds = self._next_request(wake)
                if request is not None:
                    yield request
                elif seconds is None:
                    return
                else:
                    with suppress(Empty):
                        wake.get(timeout=seconds)
        except Exception as error:
            self._writer_fault = error

    def _next_request(
        self, wake: SimpleQueue[None]
    ) -> tuple[clients_pb2.TasksRequest | None, float | None]:
        """Return the next message; without one, how long to sleep, or None to end the stream."""
        now = time.monotonic()
        with self._lock:
            self._asleep = False
            if self._wake is not wake or self._closed:
                return None, None
            waits = self._probed and self._served is None
            request = None
            if not waits:
                self._drain()
                request = self._lanes.gather(now)
            if request is not None:
                self._probed = self._probed or len(request.submits) > 0
                return request, 0.0
            if not self._is_open and now - self._opened_at > _ANSWER_SECONDS:
                if self._call is not None:
                    self._call.cancel()
                return None, None
            if self._lanes.idle_seconds(now) >= _IDLE_SECONDS or self._lanes.is_used_up:
                self._ended_here = True
                self._begun.clear()
                return None, None
            pause = self._lanes.next_pause(now)
            self._asleep = True
            if self._inbox and not waits:
                return None, 0.0  # It came before it could be seen that this sleeps.
            return None, _LOOK_SECONDS if pause is None else min(pause, _LOOK_SECONDS)
