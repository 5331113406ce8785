"""What one handle of a session submits on a stream (docs/protocol.md, "Streams of clients")."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flamepy._streams.fault import StreamFault
from flamepy._streams.outgoing import OutgoingBatch
from flamepy._streams.put_off import PutOff
from flamepy._streams.send_window import SendWindow
from flamepy._streams.streamed_future import StreamedFuture
from flamepy.proto import clients_pb2

if TYPE_CHECKING:
    from flamepy._sessions.events import SessionEvents

#: How something ended: the task as the session manager told it, or why there is nothing to tell.
End = tuple[StreamedFuture, clients_pb2.Result | Exception]

#: While a session manager refuses for now, no more than this is tried at once.
_CAUTIOUS_MAX = 64
#: Numbers that one Follow may name.
_FOLLOW_MAX = 10_000


class SubmitLane:
    """Inputs of one producer, numbered one after the other, and their results.

    It outlives streams: on a new one it sends again what was not acknowledged, and asks for what is
    missing. The lock of its stream guards it.

    Attributes:
        session_id: the session.
        wire: its number on the stream; 0 while it is not open there.
        paused_until: nothing new leaves before, by the monotonic clock; None: now.
        made: first id and count of tasks that were created, in order.
    """

    def __init__(self, session_id: str, trouble: SessionEvents) -> None:
        self.session_id = session_id
        self.wire = 0
        self.paused_until: float | None = None
        self.made: list[tuple[int, int]] = []
        self._trouble = trouble
        self._put_off = PutOff()
        self._waiting: deque[StreamedFuture] = deque()
        #: What was refused for now: it comes first.
        self._again: deque[StreamedFuture] = deque()
        self._restart()

    def _restart(self) -> None:
        self._producer = uuid.uuid4().hex
        self._highest = 0
        #: What was sent and has not ended, by number, ascending; and of these what is no task yet.
        self._open: dict[int, StreamedFuture] = {}
        self._unacknowledged: dict[int, StreamedFuture] = {}
        self._to_send: deque[int] = deque()
        self._to_follow: deque[tuple[int, int]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether it needs no stream."""
        return not (self._open or self._waiting or self._again)

    @property
    def has_tasks(self) -> bool:
        """Whether tasks of it have not ended, as far as is known."""
        return len(self._open) > len(self._unacknowledged)

    @property
    def has_more(self) -> bool:
        """Whether it has something to send, which may have to wait for acknowledgements."""
        if self._to_send or self._to_follow:
            return True
        return self.paused_until is None and bool(self._again or self._waiting)

    @property
    def is_settled(self) -> bool:
        """Whether everything that was sent is acknowledged or refused."""
        return not (self._unacknowledged or self._again)

    @property
    def has_waiting(self) -> bool:
        """Whether something was not sent yet."""
        return bool(self._waiting)

    def began(self) -> None:
        """It has something to do: the troubles of its session are told now."""
        self._trouble.__enter__()

    def rests(self) -> None:
        """It has nothing to do any more."""
        self._trouble.__exit__()

    def enter(self, future: StreamedFuture) -> None:
        """Take an input in."""
        self._waiting.append(future)

    def open(self, batch: OutgoingBatch, wire: int) -> None:
        """Open it on a new stream, where what is missing is sent and asked for again."""
        self.wire = wire
        batch.open(wire, self.session_id, self._producer)
        self._to_send = deque(self._unacknowledged)
        self._to_follow = deque(self._runs_of_tasks())

    def _runs_of_tasks(self) -> Iterator[tuple[int, int]]:
        first, count = 0, 0
        for number in self._open:
            if number in self._unacknowledged:
                continue
            if number == first + count and count < _FOLLOW_MAX:
                count += 1
                continue
            if count:
                yield first, count
            first, count = number, 1
        if count:
            yield first, count

    def lost(self) -> None:
        """The stream is gone, or this lane of it; what it sent may have arrived."""
        self.wire = 0
        self._to_send.clear()
        self._to_follow.clear()
        for future in self._unacknowledged.values():
            future.doubtful = True

    def fill(self, batch: OutgoingBatch, quota: int, window: SendWindow) -> None:
        """Put what it has to send into a message, at most ``quota`` inputs."""
        left = quota
        while self._to_send and left > 0 and not batch.is_full:
            number = self._to_send.popleft()
            again = self._unacknowledged.get(number)
            if again is not None:
                left -= 1
                batch.input(self.wire, number, again.data or b"", again.timeout_ms)
        if self._to_send:
            return
        while self._to_follow and not batch.is_full:
            batch.follow(self.wire, *self._to_follow.popleft())
        while left > 0 and not batch.is_full and self._may_go_on(window):
            future = self._next()
            if future is None:
                return
            left -= 1
            self._submit(future, batch, window)

    def _may_go_on(self, window: SendWindow) -> bool:
        if self.paused_until is not None or not window.has_room:
            return False
        return not (self._put_off.is_refused and len(self._unacknowledged) >= _CAUTIOUS_MAX)

    def _next(self) -> StreamedFuture | None:
        for queue in (self._again, self._waiting):
            while queue:
                future = queue.popleft()
                if not future.taken_back:
                    return future
        return None

    def _submit(self, future: StreamedFuture, batch: OutgoingBatch, window: SendWindow) -> None:
        self._highest += 1
        number = self._highest
        future.number = number
        self._open[number] = future
        self._unacknowledged[number] = future
        data = future.data or b""
        window.take(len(data))
        batch.input(self.wire, number, data, future.timeout_ms)

    def acknowledge(self, told: clients_pb2.SubmitAcknowledgement, window: SendWindow) -> None:
        """These are tasks."""
        self._put_off.accepted()
        first, first_task, count = told.first, told.first_task, told.count
        for at in range(count):
            future = self._settle(first + at, window)
            if future is not None:
                future.data = None
                future.task = first_task + at
        if self.made and sum(self.made[-1]) == first_task:
            first_task, before = self.made.pop()
            count += before
        self.made.append((first_task, count))

    def _settle(self, number: int, window: SendWindow) -> StreamedFuture | None:
        future = self._unacknowledged.pop(number, None)
        if future is not None:
            window.give_back(len(future.data or b""))
        return future

    def refuse(self, told: clients_pb2.SubmitRefusal, window: SendWindow, now: float) -> list[End]:
        """These are no tasks; where it may be so later, they come again."""
        fault = StreamFault.of_status(told.code, told.message)
        comes_again = told.HasField("retry_after")
        ends: list[End] = []
        for number in range(told.first, told.first + told.count):
            future = self._settle(number, window)
            if future is None:
                continue
            del self._open[number]
            future.number = 0
            future.doubtful = False
            if comes_again:
                self._again.append(future)
            else:
                ends.append((future, fault.no_task(self.session_id)))
        if comes_again and self._again and self.paused_until is None:
            pause = self._put_off.refused(told.retry_after / 1000, now)
            if pause is None:
                ends += [(future, fault.no_task(self.session_id)) for future in self._again]
                self._again.clear()
            elif pause > 0:
                self.paused_until = now + pause
        return ends

    def result(self, number: int) -> StreamedFuture | None:
        """Return whose result came, which has ended then; None when it came before."""
        future = self._open.get(number)
        # On a new stream some come again that came before.
        if future is None or future.task is None:
            return None
        del self._open[number]
        return future

    def take_waiting(self) -> list[StreamedFuture]:
        """Return what was not sent, which is not sent any more."""
        taken = [future for future in (*self._again, *self._waiting) if not future.taken_back]
        self._again.clear()
        self._waiting.clear()
        for future in taken:
            future.taken_back = True
        return taken

    def take_all(self, window: SendWindow) -> list[StreamedFuture]:
        """Return everything that has not ended; the lane is as new then."""
        for future in self._unacknowledged.values():
            window.give_back(len(future.data or b""))
        taken = list(self._open.values())
        taken += [future for future in (*self._again, *self._waiting) if not future.taken_back]
        self._again.clear()
        self._waiting.clear()
        self.wire = 0
        self.paused_until = None
        self._restart()
        return taken

    def fail(self, fault: StreamFault, window: SendWindow) -> list[End]:
        """Nothing more comes of it."""
        ends: list[End] = []
        for future in self.take_all(window):
            if future.task is not None:
                ends.append((future, fault.lost(future.task, self.session_id)))
            elif fault.is_sure or not (future.number or future.doubtful):
                ends.append((future, fault.no_task(self.session_id)))
            else:
                ends.append((future, fault.unacknowledged(self.session_id)))
        return ends
