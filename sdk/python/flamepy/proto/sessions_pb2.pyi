from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CancelRequest(_message.Message):
    __slots__ = ("session_id", "task_ids", "pending_only", "close")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    PENDING_ONLY_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    pending_only: bool
    close: bool
    def __init__(self, session_id: _Optional[str] = ..., task_ids: _Optional[_Iterable[str]] = ..., pending_only: bool = ..., close: bool = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("cancelled", "ended", "over", "running", "closed", "busy_nodes")
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    BUSY_NODES_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    ended: int
    over: int
    running: int
    closed: bool
    busy_nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, cancelled: _Optional[int] = ..., ended: _Optional[int] = ..., over: _Optional[int] = ..., running: _Optional[int] = ..., closed: bool = ..., busy_nodes: _Optional[_Iterable[str]] = ...) -> None: ...
