"""The lanes of one stream: what leaves next, and what becomes of what comes."""

from __future__ import annotations

from flamepy._client.channel import AWAY_SECONDS, CALL_SECONDS
from flamepy._streams.fault import StreamFault
from flamepy._streams.outgoing import OutgoingBatch
from flamepy._streams.send_window import SendWindow
from flamepy._streams.streamed_future import StreamedFuture
from flamepy._streams.submit_lane import End, SubmitLane
from flamepy.proto import clients_pb2

#: Lanes that are opened on one stream; a session manager takes 10,000.
LANES_MAX = 8_000
#: Results that may be under way to this client, and bytes of their outputs.
_CREDIT_RESULTS = 4_096
_CREDIT_BYTES = 8 * 1024 * 1024
#: Inputs of one lane in one message, at least, where many lanes have some.
_QUOTA_MIN = 32
_QUOTA_ALL = 1_024
#: Before a lane that another stream has is opened again.
_ABORTED_PAUSE_SECONDS = 0.1


class StreamLanes:
    """Lanes with something that has not ended, each in turn; their stream's lock guards them."""

    def __init__(self) -> None:
        #: When the last one came to rest, by the monotonic clock.
        self._idle_since = 0.0
        self._window = SendWindow()
        self._by_wire: dict[int, SubmitLane] = {}
        #: Sets that keep their order.
        self._busy: dict[SubmitLane, None] = {}
        self._ready: dict[SubmitLane, None] = {}
        self._paused: dict[SubmitLane, float] = {}
        self._next_wire = 1
        self._due_results = 0
        self._due_bytes = 0

    @property
    def is_busy(self) -> bool:
        """Whether the stream is needed."""
        return bool(self._busy)

    def idle_seconds(self, now: float) -> float:
        """Return for how long nothing has needed the stream."""
        return 0.0 if self._busy else now - self._idle_since

    @property
    def has_more(self) -> bool:
        """Whether there may be something to send."""
        return bool(self._ready) or self._owes_credit

    @property
    def is_used_up(self) -> bool:
        """Whether a lane needs another stream, as this one had too many."""
        return self._next_wire > LANES_MAX and any(not lane.wire for lane in self._ready)

    @property
    def _owes_credit(self) -> bool:
        return self._due_results >= _CREDIT_RESULTS / 4 or self._due_bytes >= _CREDIT_BYTES / 4

    def has_room_for(self, lane: SubmitLane) -> bool:
        """Whether another lane may become busy, if this one is not."""
        return lane in self._busy or len(self._busy) < LANES_MAX

    def are_settled(self, lane: SubmitLane | None, unsent: bool) -> bool:
        """Whether all that was sent is acknowledged or refused.

        Args:
            lane: None for all.
            unsent: and nothing waits to be sent.
        """
        lanes = self._busy if lane is None else (lane,)
        return all(one.is_settled and not (unsent and one.has_waiting) for one in lanes)

    def enter(self, lane: SubmitLane, future: StreamedFuture) -> None:
        """Take an input in."""
        if future.taken_back:
            return
        if lane not in self._busy:
            self._busy[lane] = None
            lane.began()
        lane.enter(future)
        self._ready[lane] = None

    def renew(self) -> None:
        """Begin with another stream; the one before is gone, and what it carried may have come."""
        for lane in self._by_wire.values():
            lane.lost()
        self._by_wire.clear()
        self._next_wire = 1
        self._ready = dict.fromkeys(self._busy)
        self._due_results = _CREDIT_RESULTS
        self._due_bytes = _CREDIT_BYTES

    def give_credit(self, results: int, size: int) -> None:
        """Results are done with: as many more may come."""
        self._due_results += results
        self._due_bytes += size

    def gather(self, now: float) -> clients_pb2.TasksRequest | None:
        """Return the next message; None when there is none."""
        for lane in [lane for lane, until in self._paused.items() if until <= now]:
            del self._paused[lane]
            lane.paused_until = None
            if lane in self._busy:
                self._ready[lane] = None
        batch = OutgoingBatch()
        if self._ready:
            self._fill(batch, now)
        if self._owes_credit:
            batch.credit(self._due_results, self._due_bytes)
            self._due_results = 0
            self._due_bytes = 0
        return None if batch.is_empty else batch.request

    def _fill(self, batch: OutgoingBatch, now: float) -> None:
        quota = max(_QUOTA_MIN, _QUOTA_ALL // len(self._ready))
        with_more: list[SubmitLane] = []
        for lane in list(self._ready):
            if batch.is_full:
                break
            if not lane.wire:
                if self._next_wire > LANES_MAX:
                    continue
                lane.open(batch, self._next_wire)
                self._by_wire[self._next_wire] = lane
                self._next_wire += 1
            del self._ready[lane]
            lane.fill(batch, quota, self._window)
            if lane.has_more:
                with_more.append(lane)
            else:
                self.look(lane, now)
        self._ready.update(dict.fromkeys(with_more))

    def next_pause(self, now: float) -> float | None:
        """Return the seconds until a lane that is paused may go on; None when none is."""
        return max(min(self._paused.values()) - now, 0.0) if self._paused else None

    def take(self, response: clients_pb2.TasksResponse, now: float) -> list[End]:
        """Take a message; return what has ended by it."""
        ends: list[End] = []
        touched: dict[SubmitLane, None] = {}
        for told in response.acknowledgements:
            lane = self._by_wire.get(told.lane)
            if lane is not None:
                touched[lane] = None
                lane.acknowledge(told, self._window)
        for refusal in response.refusals:
            lane = self._by_wire.get(refusal.lane)
            if lane is not None:
                touched[lane] = None
                ends += lane.refuse(refusal, self._window, now)
                self._go_on_later(lane)
        for group in response.results:
            lane = self._by_wire.get(group.lane)
            if lane is not None:
                touched[lane] = None
            self._take_results(lane, group, ends)
        for end in response.ends:
            lane = self._by_wire.pop(end.lane, None)
            if lane is not None:
                ends += self._end_lane(lane, end, now)
                touched[lane] = None
        for lane in touched:
            self.look(lane, now)
        return ends

    def _go_on_later(self, lane: SubmitLane) -> None:
        if lane.paused_until is not None:
            self._paused[lane] = lane.paused_until
        elif lane.has_more:
            self._ready[lane] = None

    def _take_results(
        self, lane: SubmitLane | None, group: clients_pb2.Results, ends: list[End]
    ) -> None:
        first = group.first
        for result in group.results:
            future = None if lane is None else lane.result(first + result.offset)
            if future is not None:
                ends.append((future, result))
                if result.elsewhere:
                    continue  # The room is given back when it was fetched.
            self.give_credit(1, len(result.output))

    def _end_lane(self, lane: SubmitLane, end: clients_pb2.LaneEnd, now: float) -> list[End]:
        fault = StreamFault.of_status(end.code, end.message)
        if fault.is_aborted:
            lane.lost()
            self._ready.pop(lane, None)
            lane.paused_until = now + _ABORTED_PAUSE_SECONDS
            self._paused[lane] = lane.paused_until
            return []
        return lane.fail(fault, self._window)

    def look(self, lane: SubmitLane, now: float) -> None:
        """See whether the lane still needs the stream."""
        if not lane.is_idle or lane not in self._busy:
            return
        del self._busy[lane]
        self._ready.pop(lane, None)
        self._paused.pop(lane, None)
        lane.paused_until = None
        lane.rests()
        if not self._busy:
            self._idle_since = now

    def fail_all(self, fault: StreamFault, now: float) -> list[End]:
        """Nothing more comes of any lane."""
        ends: list[End] = []
        for lane in list(self._busy):
            ends += lane.fail(fault, self._window)
            self.look(lane, now)
        return ends

    def give_up(self, away: float, fault: StreamFault, now: float) -> list[End]:
        """The session manager has been away for so many seconds: give up what waited for long."""
        ends: list[End] = []
        for lane in list(self._busy):
            if away >= AWAY_SECONDS or (away >= CALL_SECONDS and not lane.has_tasks):
                ends += lane.fail(fault, self._window)
                self.look(lane, now)
        return ends

    def take_all(self, now: float) -> list[StreamedFuture]:
        """Return everything that has not ended, of all lanes."""
        taken: list[StreamedFuture] = []
        for lane in list(self._busy):
            taken += lane.take_all(self._window)
            self.look(lane, now)
        return taken
