from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Stickiness(_message.Message):
    __slots__ = ("event", "mode", "interval")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[Stickiness.Mode]
        MODE_EXACT: _ClassVar[Stickiness.Mode]
        MODE_CUMULATIVE: _ClassVar[Stickiness.Mode]
    MODE_UNSPECIFIED: Stickiness.Mode
    MODE_EXACT: Stickiness.Mode
    MODE_CUMULATIVE: Stickiness.Mode
    EVENT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    event: _filter_pb2.EventMatcher
    mode: Stickiness.Mode
    interval: _granularity_pb2.Granularity
    def __init__(self, event: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., mode: _Optional[_Union[Stickiness.Mode, str]] = ..., interval: _Optional[_Union[_granularity_pb2.Granularity, str]] = ...) -> None: ...

class StickinessResult(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, counts: _Optional[_Iterable[int]] = ...) -> None: ...
