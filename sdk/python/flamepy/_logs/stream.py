"""What tasks print, as it comes to one connection: ``flame.logs.v1.Logs/Follow``.

The stream is opened when the first session is followed, and stays until the connection is closed.
One thread of ours reads it and hands lines on; what it does not read in time is left out at the
session manager, so no task waits for a slow terminal.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import grpc

from flamepy._client.channel import RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS, retry_delay
from flamepy._logs.lines import Logs, Sink, sink_of
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy.proto import logs_pb2, logs_pb2_grpc

if TYPE_CHECKING:
    from flamepy._sessions.session import Session

#: For the word of the session manager that it follows a session.
_BEGIN_SECONDS = 2.0
#: For what was printed by the end of a session: the session manager waits for 2 seconds.
_END_SECONDS = 3.0
#: The same, at the end of a program or connection that has not closed its sessions.
_LEAVE_SECONDS = 1.0
#: A session manager that does not answer for so long may have logs or not.
_ANSWER_SECONDS = 10.0

_log = logging.getLogger("flamepy")


class _Followed:
    """A session that is followed."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        #: Whether somebody asked for it by name, who is to hear of troubles.
        self.is_asked_for = False
        self.told: set[str] = set()
        self.has_begun = threading.Event()
        self.has_ended = threading.Event()


class FollowedLogs:
    """What a session has of it: ends it once."""

    def __init__(self, stream: LogStream, session_id: str, sink: Sink) -> None:
        self._stream = stream
        self._session_id = session_id
        self._sink: Sink | None = sink

    def end(self) -> None:
        """Wait until what was printed so far is told. Idempotent."""
        sink, self._sink = self._sink, None
        if sink is not None:
            self._stream.end(self._session_id, sink)


class LogStream:
    """Sessions that are followed on one connection; safe to be used by many threads.

    Args:
        channel: to the session manager.
        metadata: makes the metadata of one call.
        addr: of the session manager, for errors.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        metadata: Callable[[], tuple[tuple[str, str], ...]],
        addr: str,
    ) -> None:
        stub: Any = logs_pb2_grpc.LogsStub  # Generated without types.
        self._open_call = stub(channel).Follow
        self._metadata = metadata
        self._addr = addr
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        #: Those whose end was asked for and has not come, oldest first: a session may be followed
        #: anew meanwhile.
        self._leaving: dict[str, list[_Followed]] = {}
        self._reader: threading.Thread | None = None
        #: Of the present call, while there is one.
        self._requests: SimpleQueue[logs_pb2.FollowRequest | None] | None = None
        self._call: Any = None
        #: Set when it is known whether the session manager has logs.
        self._is_known = threading.Event()
        self._is_served = True
        self._closed = threading.Event()

    def wanted(self, logs: Logs) -> Sink | None:
        """Return where lines of a session are to go; None: nowhere.

        Raises:
            TypeError: ``logs`` is none of what it may be.
            FlameError: INVALID_STATE, when they are asked for and this session manager has none.
        """
        sink = sink_of(logs)
        if sink is not None and logs is not None:
            self._require()
        return sink

    def shown(self, session: Session, sink: Sink | None, logs: Logs) -> Session:
        """Return the session, of which lines go there until it is closed."""
        if sink is not None:
            session._logs = self._follow(session.id, sink, asked_for=logs is not None)
        return session

    def _follow(self, session_id: str, sink: Sink, asked_for: bool) -> FollowedLogs:
        """Hand on what services of a session print; waits until that of a new task would come."""
        with self._lock:
            followed = self._followed.get(session_id)
            if followed is None:
                followed = self._followed[session_id] = _Followed()
                if self._requests is not None:
                    self._requests.put(logs_pb2.FollowRequest(begin=[session_id]))
            followed.sinks.append(sink)
            followed.is_asked_for |= asked_for
            self._begin()
            begins = self._reader is not None and self._is_served
        if begins and threading.current_thread() is not self._reader:
            followed.has_begun.wait(_BEGIN_SECONDS)
        return FollowedLogs(self, session_id, sink)

    def end(self, session_id: str, sink: Sink) -> None:
        """Take a sink away; the last one of a session when it has got what was printed so far."""
        if self._process != os.getpid():
            return  # Its parent has the thread that reads.
        with self._lock:
            followed = self._followed.get(session_id)
            if followed is None or sink not in followed.sinks:
                return
            if len(followed.sinks) > 1:
                followed.sinks.remove(sink)
                return
            if self._requests is None:  # Nothing comes: the stream is away.
                del self._followed[session_id]
                return
            self._leave(self._requests, [session_id])
        if threading.current_thread() is not self._reader:
            followed.has_ended.wait(_END_SECONDS)
            followed.sinks.clear()

    def close(self, seconds: float = _LEAVE_SECONDS) -> None:
        """End all, after what was printed so far was told, for which it waits so long."""
        if self._process != os.getpid() or self._closed.is_set():
            return
        with self._lock:
            requests, reader = self._requests, self._reader
            if requests is not None:
                self._leave(requests, list(self._followed))
            waited_for = self._all_leaving()
        deadline = time.monotonic() + seconds
        if requests is not None and reader is not threading.current_thread():
            for one in waited_for:
                one.has_ended.wait(max(deadline - time.monotonic(), 0.0))
        self._closed.set()
        with self._lock:
            call = self._call
            if self._requests is not None:
                self._requests.put(None)
        if call is not None:
            call.cancel()
        if reader is not None and reader is not threading.current_thread():
            reader.join(seconds)

    def _require(self) -> None:
        with self._lock:
            self._begin()
        self._is_known.wait(_ANSWER_SECONDS)
        if not self._is_served:
            raise FlameError(
                FlameErrorCode.INVALID_STATE,
                f"logs: the session manager at {self._addr} does not tell what tasks print, it is "
                "of another make or older; leave logs out, or use logs=False",
            )

    def _begin(self) -> None:
        """See that there is a reader; the lock is held."""
        if self._reader is not None or self._closed.is_set() or not self._is_served:
            return
        reader = threading.Thread(target=self._read, name="flamepy-logs", daemon=True)
        with suppress(RuntimeError):  # The program ends: no thread can begin any more.
            reader.start()
            self._reader = reader
            _streams.add(self)

    # Of the reader.

    def _read(self) -> None:
        pause = RETRY_FIRST_SECONDS
        while not self._closed.is_set():
            began = time.monotonic()
            failure = self._read_call()
            if failure is not None and failure.code() is grpc.StatusCode.UNIMPLEMENTED:
                with self._lock:
                    self._is_served = False
                    for followed in self._followed.values():
                        followed.has_begun.set()
                    self._followed.clear()
                self._is_known.set()
                return
            if time.monotonic() - began > RETRY_MAX_SECONDS:
                pause = RETRY_FIRST_SECONDS
            asked = (retry_delay(failure) if failure is not None else None) or 0.0
            self._closed.wait(max(pause, asked))
            pause = min(2 * pause, RETRY_MAX_SECONDS)

    def _read_call(self) -> grpc.RpcError | None:
        """Read one call to its end."""
        requests: SimpleQueue[logs_pb2.FollowRequest | None] = SimpleQueue()
        with self._lock:
            self._requests = requests
            requests.put(logs_pb2.FollowRequest(begin=list(self._followed)))
        try:
            self._call = call = self._open_call(
                iter(requests.get, None), metadata=self._metadata(), wait_for_ready=True
            )
            call.initial_metadata()
            if call.is_active():
                self._is_known.set()
            for response in call:
                self._take(response)
        except grpc.RpcError as error:
            return error
        except ValueError:  # What gRPC raises for a closed channel.
            self._closed.set()
        finally:
            with self._lock:
                self._requests, self._call = None, None
                left = self._all_leaving()
                self._leaving.clear()
                waited_for = [*left, *self._followed.values()]
            requests.put(None)
            for one in waited_for:
                one.has_begun.set()
            for one in left:
                one.has_ended.set()  # Nothing more comes for whoever waits.
        return None

    def _leave(
        self, requests: SimpleQueue[logs_pb2.FollowRequest | None], session_ids: list[str]
    ) -> None:
        """Ask for the ends of sessions that are followed; the lock is held."""
        requests.put(logs_pb2.FollowRequest(end=session_ids))
        for session_id in session_ids:
            followed = self._followed.pop(session_id)
            self._leaving.setdefault(session_id, []).append(followed)

    def _all_leaving(self) -> list[_Followed]:
        """Return all whose end has not come; the lock is held."""
        return [one for several in self._leaving.values() for one in several]

    def _of(self, session_id: str) -> list[_Followed]:
        """Return all that get lines of a session, oldest first."""
        with self._lock:
            followed = self._followed.get(session_id)
            leaving = self._leaving.get(session_id, ())
            return [*leaving, *([] if followed is None else [followed])]

    def _take(self, response: logs_pb2.FollowResponse) -> None:
        for lines in response.lines:
            # Two handles of one session in a terminal print it once.
            sinks = [sink for one in self._of(lines.session_id) for sink in one.sinks]
            for sink in dict.fromkeys(sinks):
                sink(lines)
        for session_id in response.begun:
            followed = self._followed.get(session_id)
            if followed is not None:
                followed.has_begun.set()
        for notice in response.notices:
            self._warn(notice.session_id, notice.text)
        for end in response.ends:
            if end.code != 0:
                self._warn(end.session_id, f"what its tasks print is not told: {end.message}")
            with self._lock:
                followed = self._pop_oldest(end.session_id)
            if followed is not None:
                followed.has_begun.set()
                followed.has_ended.set()

    def _pop_oldest(self, session_id: str) -> _Followed | None:
        """Take away what an end is of; the lock is held."""
        leaving = self._leaving.get(session_id)
        if leaving is None:
            return self._followed.pop(session_id, None)
        oldest = leaving.pop(0)
        if not leaving:
            del self._leaving[session_id]
        return oldest

    def _warn(self, session_id: str, text: str) -> None:
        asked_for = [one for one in self._of(session_id) if one.is_asked_for]
        if asked_for and not any(text in one.told for one in asked_for):
            asked_for[-1].told.add(text)
            _log.warning("session %s: %s", session_id, text)


#: Those that read.
_streams: weakref.WeakSet[LogStream] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    deadline = time.monotonic() + _LEAVE_SECONDS
    for stream in list(_streams):
        stream.close(max(deadline - time.monotonic(), 0.0))
