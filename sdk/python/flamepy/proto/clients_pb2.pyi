from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TasksRequest(_message.Message):
    __slots__ = ("lanes", "submits", "follows", "credit")
    LANES_FIELD_NUMBER: _ClassVar[int]
    SUBMITS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    submits: _containers.RepeatedCompositeFieldContainer[Submits]
    follows: _containers.RepeatedCompositeFieldContainer[Follow]
    credit: Credit
    def __init__(self, lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ..., submits: _Optional[_Iterable[_Union[Submits, _Mapping]]] = ..., follows: _Optional[_Iterable[_Union[Follow, _Mapping]]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ...) -> None: ...

class Lane(_message.Message):
    __slots__ = ("lane", "session_id", "producer")
    LANE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    lane: int
    session_id: str
    producer: str
    def __init__(self, lane: _Optional[int] = ..., session_id: _Optional[str] = ..., producer: _Optional[str] = ...) -> None: ...

class Submits(_message.Message):
    __slots__ = ("lane", "first", "follow", "inputs")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    lane: int
    first: int
    follow: bool
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    def __init__(self, lane: _Optional[int] = ..., first: _Optional[int] = ..., follow: bool = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("data", "timeout")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    timeout: int
    def __init__(self, data: _Optional[bytes] = ..., timeout: _Optional[int] = ...) -> None: ...

class Follow(_message.Message):
    __slots__ = ("lane", "first", "count")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    lane: int
    first: int
    count: int
    def __init__(self, lane: _Optional[int] = ..., first: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("results", "bytes")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    results: int
    bytes: int
    def __init__(self, results: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class TasksResponse(_message.Message):
    __slots__ = ("acknowledgements", "refusals", "results", "ends")
    ACKNOWLEDGEMENTS_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    acknowledgements: _containers.RepeatedCompositeFieldContainer[SubmitAcknowledgement]
    refusals: _containers.RepeatedCompositeFieldContainer[SubmitRefusal]
    results: _containers.RepeatedCompositeFieldContainer[Results]
    ends: _containers.RepeatedCompositeFieldContainer[LaneEnd]
    def __init__(self, acknowledgements: _Optional[_Iterable[_Union[SubmitAcknowledgement, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[SubmitRefusal, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[Results, _Mapping]]] = ..., ends: _Optional[_Iterable[_Union[LaneEnd, _Mapping]]] = ...) -> None: ...

class SubmitAcknowledgement(_message.Message):
    __slots__ = ("lane", "first", "count", "first_task", "creation_time")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TASK_FIELD_NUMBER: _ClassVar[int]
    CREATION_TIME_FIELD_NUMBER: _ClassVar[int]
    lane: int
    first: int
    count: int
    first_task: int
    creation_time: float
    def __init__(self, lane: _Optional[int] = ..., first: _Optional[int] = ..., count: _Optional[int] = ..., first_task: _Optional[int] = ..., creation_time: _Optional[float] = ...) -> None: ...

class SubmitRefusal(_message.Message):
    __slots__ = ("lane", "first", "count", "code", "message", "retry_after")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    lane: int
    first: int
    count: int
    code: int
    message: str
    retry_after: int
    def __init__(self, lane: _Optional[int] = ..., first: _Optional[int] = ..., count: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., retry_after: _Optional[int] = ...) -> None: ...

class Results(_message.Message):
    __slots__ = ("lane", "first", "results")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    lane: int
    first: int
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, lane: _Optional[int] = ..., first: _Optional[int] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("offset", "state", "output", "elsewhere", "creation_time", "completion_time", "events", "lost")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    CREATION_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    offset: int
    state: int
    output: bytes
    elsewhere: bool
    creation_time: float
    completion_time: float
    events: _containers.RepeatedCompositeFieldContainer[ResultEvent]
    lost: str
    def __init__(self, offset: _Optional[int] = ..., state: _Optional[int] = ..., output: _Optional[bytes] = ..., elsewhere: bool = ..., creation_time: _Optional[float] = ..., completion_time: _Optional[float] = ..., events: _Optional[_Iterable[_Union[ResultEvent, _Mapping]]] = ..., lost: _Optional[str] = ...) -> None: ...

class ResultEvent(_message.Message):
    __slots__ = ("code", "time", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    time: float
    message: str
    def __init__(self, code: _Optional[int] = ..., time: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...

class LaneEnd(_message.Message):
    __slots__ = ("lane", "code", "message")
    LANE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    lane: int
    code: int
    message: str
    def __init__(self, lane: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...
