"""One message to a session manager, while it is put together."""

from __future__ import annotations

from flamepy.proto import clients_pb2

#: A message is not made larger than this, in bytes, but for its last input.
_BYTES_MAX = 1024 * 1024
#: Inputs and followed numbers of a message: what the session manager takes in one go.
_ITEMS_MAX = 1_024
#: About what an input takes beside its bytes.
_INPUT_BYTES = 8


class OutgoingBatch:
    """Gathers lanes, inputs, follows and credit.

    Attributes:
        request: the message so far.
    """

    def __init__(self) -> None:
        self.request = clients_pb2.TasksRequest()
        self._bytes = 0
        self._items = 0
        self._others = 0
        self._group: clients_pb2.Submits | None = None
        self._group_lane = 0
        #: The number that joins the group.
        self._next = 0

    @property
    def is_full(self) -> bool:
        """Whether more is for the next message."""
        return self._bytes >= _BYTES_MAX or self._items >= _ITEMS_MAX

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return self._items + self._others == 0

    def open(self, lane: int, session_id: str, producer: str) -> None:
        """Open a lane under a number of this stream."""
        self.request.lanes.add(lane=lane, session_id=session_id, producer=producer)
        self._others += 1
        self._bytes += len(session_id) + len(producer)

    def credit(self, results: int, size: int) -> None:
        """Let so many more results come, and bytes of outputs."""
        self.request.credit.results = results
        self.request.credit.bytes = size
        self._others += 1

    def input(self, lane: int, number: int, data: bytes, timeout_ms: int | None) -> None:
        """Submit an input; its result is wanted.

        Args:
            timeout_ms: how long its task may take, in milliseconds; None for no limit.
        """
        group = self._group
        if group is None or self._group_lane != lane or number != self._next:
            group = self.request.submits.add(lane=lane, first=number, follow=True)
            self._group = group
            self._group_lane = lane
        self._next = number + 1
        one = group.inputs.add(data=data)
        if timeout_ms is not None:
            one.timeout = timeout_ms
        self._items += 1
        self._bytes += _INPUT_BYTES + len(data)

    def follow(self, lane: int, first: int, count: int) -> None:
        """Ask for the results of submits that were acknowledged before."""
        self.request.follows.add(lane=lane, first=first, count=count)
        self._items += count
