import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.insights.v1 import breakdown_pb2 as _breakdown_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import metric_pb2 as _metric_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Trends(_message.Message):
    __slots__ = ("series", "breakdowns", "breakdown_limit", "formulas", "transform", "window")
    class Transform(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRANSFORM_UNSPECIFIED: _ClassVar[Trends.Transform]
        TRANSFORM_NONE: _ClassVar[Trends.Transform]
        TRANSFORM_CUMULATIVE: _ClassVar[Trends.Transform]
        TRANSFORM_MOVING_AVERAGE: _ClassVar[Trends.Transform]
    TRANSFORM_UNSPECIFIED: Trends.Transform
    TRANSFORM_NONE: Trends.Transform
    TRANSFORM_CUMULATIVE: Trends.Transform
    TRANSFORM_MOVING_AVERAGE: Trends.Transform
    class Series(_message.Message):
        __slots__ = ("event", "metric")
        EVENT_FIELD_NUMBER: _ClassVar[int]
        METRIC_FIELD_NUMBER: _ClassVar[int]
        event: _filter_pb2.EventMatcher
        metric: _metric_pb2.Metric
        def __init__(self, event: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., metric: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ...) -> None: ...
    class Formula(_message.Message):
        __slots__ = ("expression", "label")
        EXPRESSION_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        expression: str
        label: str
        def __init__(self, expression: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...
    SERIES_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    FORMULAS_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[Trends.Series]
    breakdowns: _containers.RepeatedCompositeFieldContainer[_breakdown_pb2.Breakdown]
    breakdown_limit: int
    formulas: _containers.RepeatedCompositeFieldContainer[Trends.Formula]
    transform: Trends.Transform
    window: int
    def __init__(self, series: _Optional[_Iterable[_Union[Trends.Series, _Mapping]]] = ..., breakdowns: _Optional[_Iterable[_Union[_breakdown_pb2.Breakdown, _Mapping]]] = ..., breakdown_limit: _Optional[int] = ..., formulas: _Optional[_Iterable[_Union[Trends.Formula, _Mapping]]] = ..., transform: _Optional[_Union[Trends.Transform, str]] = ..., window: _Optional[int] = ...) -> None: ...

class TrendsResult(_message.Message):
    __slots__ = ("buckets", "series")
    class Bucket(_message.Message):
        __slots__ = ("start", "partial")
        START_FIELD_NUMBER: _ClassVar[int]
        PARTIAL_FIELD_NUMBER: _ClassVar[int]
        start: _timestamp_pb2.Timestamp
        partial: bool
        def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., partial: _Optional[bool] = ...) -> None: ...
    class Series(_message.Message):
        __slots__ = ("series", "cell", "values", "compare_values")
        SERIES_FIELD_NUMBER: _ClassVar[int]
        CELL_FIELD_NUMBER: _ClassVar[int]
        VALUES_FIELD_NUMBER: _ClassVar[int]
        COMPARE_VALUES_FIELD_NUMBER: _ClassVar[int]
        series: str
        cell: _breakdown_pb2.Cell
        values: _containers.RepeatedScalarFieldContainer[float]
        compare_values: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, series: _Optional[str] = ..., cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., values: _Optional[_Iterable[float]] = ..., compare_values: _Optional[_Iterable[float]] = ...) -> None: ...
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedCompositeFieldContainer[TrendsResult.Bucket]
    series: _containers.RepeatedCompositeFieldContainer[TrendsResult.Series]
    def __init__(self, buckets: _Optional[_Iterable[_Union[TrendsResult.Bucket, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[TrendsResult.Series, _Mapping]]] = ...) -> None: ...
