from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import metric_pb2 as _metric_pb2
from pug.insights.v1 import person_pb2 as _person_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TopK(_message.Message):
    __slots__ = ("dimension", "property", "source", "scope", "metric", "limit", "omit_others")
    class Dimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DIMENSION_UNSPECIFIED: _ClassVar[TopK.Dimension]
        DIMENSION_EVENT_NAME: _ClassVar[TopK.Dimension]
        DIMENSION_PROPERTY: _ClassVar[TopK.Dimension]
        DIMENSION_PERSON: _ClassVar[TopK.Dimension]
    DIMENSION_UNSPECIFIED: TopK.Dimension
    DIMENSION_EVENT_NAME: TopK.Dimension
    DIMENSION_PROPERTY: TopK.Dimension
    DIMENSION_PERSON: TopK.Dimension
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OMIT_OTHERS_FIELD_NUMBER: _ClassVar[int]
    dimension: TopK.Dimension
    property: str
    source: _filter_pb2.Source
    scope: _filter_pb2.EventMatcher
    metric: _metric_pb2.Metric
    limit: int
    omit_others: bool
    def __init__(self, dimension: _Optional[_Union[TopK.Dimension, str]] = ..., property: _Optional[str] = ..., source: _Optional[_Union[_filter_pb2.Source, str]] = ..., scope: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., metric: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., limit: _Optional[int] = ..., omit_others: _Optional[bool] = ...) -> None: ...

class TopKResult(_message.Message):
    __slots__ = ("rows",)
    class Row(_message.Message):
        __slots__ = ("value", "absent", "others", "metric", "person")
        VALUE_FIELD_NUMBER: _ClassVar[int]
        ABSENT_FIELD_NUMBER: _ClassVar[int]
        OTHERS_FIELD_NUMBER: _ClassVar[int]
        METRIC_FIELD_NUMBER: _ClassVar[int]
        PERSON_FIELD_NUMBER: _ClassVar[int]
        value: str
        absent: bool
        others: bool
        metric: float
        person: _person_pb2.Person
        def __init__(self, value: _Optional[str] = ..., absent: _Optional[bool] = ..., others: _Optional[bool] = ..., metric: _Optional[float] = ..., person: _Optional[_Union[_person_pb2.Person, _Mapping]] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[TopKResult.Row]
    def __init__(self, rows: _Optional[_Iterable[_Union[TopKResult.Row, _Mapping]]] = ...) -> None: ...
