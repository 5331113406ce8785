from flamepy.proto import shim_pb2 as _shim_pb2
from flamepy.proto import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskBatch(_message.Message):
    __slots__ = ("tasks", "recall", "enter", "leave")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    ENTER_FIELD_NUMBER: _ClassVar[int]
    LEAVE_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_shim_pb2.TaskContext]
    recall: bool
    enter: _shim_pb2.SessionContext
    leave: bool
    def __init__(self, tasks: _Optional[_Iterable[_Union[_shim_pb2.TaskContext, _Mapping]]] = ..., recall: bool = ..., enter: _Optional[_Union[_shim_pb2.SessionContext, _Mapping]] = ..., leave: bool = ...) -> None: ...

class ResultBatch(_message.Message):
    __slots__ = ("answers", "recalled", "ahead", "done", "awaits")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    AWAITS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    recalled: Recalled
    ahead: int
    done: _types_pb2.Result
    awaits: Awaits
    def __init__(self, answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ..., recalled: _Optional[_Union[Recalled, _Mapping]] = ..., ahead: _Optional[int] = ..., done: _Optional[_Union[_types_pb2.Result, _Mapping]] = ..., awaits: _Optional[_Union[Awaits, _Mapping]] = ...) -> None: ...

class Awaits(_message.Message):
    __slots__ = ("session_ids",)
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("task_id", "result")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    result: _types_pb2.TaskResult
    def __init__(self, task_id: _Optional[str] = ..., result: _Optional[_Union[_types_pb2.TaskResult, _Mapping]] = ...) -> None: ...

class Recalled(_message.Message):
    __slots__ = ("task_ids",)
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task_ids: _Optional[_Iterable[str]] = ...) -> None: ...
