from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class BeatRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BeatReply(_message.Message):
    __slots__ = ("next_ms", "only_other_makes")
    NEXT_MS_FIELD_NUMBER: _ClassVar[int]
    ONLY_OTHER_MAKES_FIELD_NUMBER: _ClassVar[int]
    next_ms: int
    only_other_makes: bool
    def __init__(self, next_ms: _Optional[int] = ..., only_other_makes: bool = ...) -> None: ...
