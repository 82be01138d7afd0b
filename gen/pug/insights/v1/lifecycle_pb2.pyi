from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import trends_pb2 as _trends_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Lifecycle(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _filter_pb2.EventMatcher
    def __init__(self, event: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ...) -> None: ...

class LifecycleResult(_message.Message):
    __slots__ = ("buckets", "new", "returning", "resurrecting", "dormant")
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    RETURNING_FIELD_NUMBER: _ClassVar[int]
    RESURRECTING_FIELD_NUMBER: _ClassVar[int]
    DORMANT_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedCompositeFieldContainer[_trends_pb2.TrendsResult.Bucket]
    new: _containers.RepeatedScalarFieldContainer[int]
    returning: _containers.RepeatedScalarFieldContainer[int]
    resurrecting: _containers.RepeatedScalarFieldContainer[int]
    dormant: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, buckets: _Optional[_Iterable[_Union[_trends_pb2.TrendsResult.Bucket, _Mapping]]] = ..., new: _Optional[_Iterable[int]] = ..., returning: _Optional[_Iterable[int]] = ..., resurrecting: _Optional[_Iterable[int]] = ..., dormant: _Optional[_Iterable[int]] = ...) -> None: ...
