from pug.insights.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Breakdown(_message.Message):
    __slots__ = ("property", "source")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    property: str
    source: _filter_pb2.Source
    def __init__(self, property: _Optional[str] = ..., source: _Optional[_Union[_filter_pb2.Source, str]] = ...) -> None: ...

class Cell(_message.Message):
    __slots__ = ("values", "others")
    class Value(_message.Message):
        __slots__ = ("value", "absent")
        VALUE_FIELD_NUMBER: _ClassVar[int]
        ABSENT_FIELD_NUMBER: _ClassVar[int]
        value: str
        absent: bool
        def __init__(self, value: _Optional[str] = ..., absent: _Optional[bool] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Cell.Value]
    others: bool
    def __init__(self, values: _Optional[_Iterable[_Union[Cell.Value, _Mapping]]] = ..., others: _Optional[bool] = ...) -> None: ...
