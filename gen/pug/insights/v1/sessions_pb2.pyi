from pug.insights.v1 import breakdown_pb2 as _breakdown_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sessions(_message.Message):
    __slots__ = ("metric", "scope", "property", "breakdowns", "breakdown_limit")
    class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        METRIC_UNSPECIFIED: _ClassVar[Sessions.Metric]
        METRIC_SESSIONS: _ClassVar[Sessions.Metric]
        METRIC_AVG_DURATION: _ClassVar[Sessions.Metric]
        METRIC_MEDIAN_DURATION: _ClassVar[Sessions.Metric]
        METRIC_BOUNCE_RATE: _ClassVar[Sessions.Metric]
        METRIC_EVENTS_PER_SESSION: _ClassVar[Sessions.Metric]
        METRIC_ENTRY: _ClassVar[Sessions.Metric]
        METRIC_EXIT: _ClassVar[Sessions.Metric]
    METRIC_UNSPECIFIED: Sessions.Metric
    METRIC_SESSIONS: Sessions.Metric
    METRIC_AVG_DURATION: Sessions.Metric
    METRIC_MEDIAN_DURATION: Sessions.Metric
    METRIC_BOUNCE_RATE: Sessions.Metric
    METRIC_EVENTS_PER_SESSION: Sessions.Metric
    METRIC_ENTRY: Sessions.Metric
    METRIC_EXIT: Sessions.Metric
    class As(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        AS_UNSPECIFIED: _ClassVar[Sessions.As]
        AS_TRENDS: _ClassVar[Sessions.As]
        AS_SEGMENTATION: _ClassVar[Sessions.As]
    AS_UNSPECIFIED: Sessions.As
    AS_TRENDS: Sessions.As
    AS_SEGMENTATION: Sessions.As
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    metric: Sessions.Metric
    scope: _filter_pb2.EventMatcher
    property: str
    breakdowns: _containers.RepeatedCompositeFieldContainer[_breakdown_pb2.Breakdown]
    breakdown_limit: int
    def __init__(self, metric: _Optional[_Union[Sessions.Metric, str]] = ..., scope: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., property: _Optional[str] = ..., breakdowns: _Optional[_Iterable[_Union[_breakdown_pb2.Breakdown, _Mapping]]] = ..., breakdown_limit: _Optional[int] = ..., **kwargs) -> None: ...
