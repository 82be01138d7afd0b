from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportDataSubjectRequest(_message.Message):
    __slots__ = ("person_id", "distinct_id", "external_id")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    distinct_id: str
    external_id: str
    def __init__(self, person_id: _Optional[str] = ..., distinct_id: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class ExportDataSubjectResponse(_message.Message):
    __slots__ = ("outlook", "piece")
    OUTLOOK_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    outlook: ExportOutlook
    piece: ExportPiece
    def __init__(self, outlook: _Optional[_Union[ExportOutlook, _Mapping]] = ..., piece: _Optional[_Union[ExportPiece, _Mapping]] = ...) -> None: ...

class ExportOutlook(_message.Message):
    __slots__ = ("person_id", "events", "parts")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    events: int
    parts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, person_id: _Optional[str] = ..., events: _Optional[int] = ..., parts: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportPiece(_message.Message):
    __slots__ = ("name", "content_type", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content_type: str
    content: bytes
    def __init__(self, name: _Optional[str] = ..., content_type: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...
