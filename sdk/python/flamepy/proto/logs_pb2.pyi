from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FollowRequest(_message.Message):
    __slots__ = ("begin", "end")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    begin: _containers.RepeatedScalarFieldContainer[str]
    end: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, begin: _Optional[_Iterable[str]] = ..., end: _Optional[_Iterable[str]] = ...) -> None: ...

class FollowResponse(_message.Message):
    __slots__ = ("lines", "ends", "notices", "begun")
    LINES_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[Lines]
    ends: _containers.RepeatedCompositeFieldContainer[FollowEnd]
    notices: _containers.RepeatedCompositeFieldContainer[FollowNotice]
    begun: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[_Union[Lines, _Mapping]]] = ..., ends: _Optional[_Iterable[_Union[FollowEnd, _Mapping]]] = ..., notices: _Optional[_Iterable[_Union[FollowNotice, _Mapping]]] = ..., begun: _Optional[_Iterable[str]] = ...) -> None: ...

class Lines(_message.Message):
    __slots__ = ("session_id", "executor_id", "stream", "task_id", "data", "left_out", "node")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    executor_id: str
    stream: str
    task_id: str
    data: bytes
    left_out: int
    node: str
    def __init__(self, session_id: _Optional[str] = ..., executor_id: _Optional[str] = ..., stream: _Optional[str] = ..., task_id: _Optional[str] = ..., data: _Optional[bytes] = ..., left_out: _Optional[int] = ..., node: _Optional[str] = ...) -> None: ...

class FollowEnd(_message.Message):
    __slots__ = ("session_id", "code", "message")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    code: int
    message: str
    def __init__(self, session_id: _Optional[str] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class FollowNotice(_message.Message):
    __slots__ = ("session_id", "text")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    text: str
    def __init__(self, session_id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
