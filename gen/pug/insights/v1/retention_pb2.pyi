import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.insights.v1 import breakdown_pb2 as _breakdown_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Retention(_message.Message):
    __slots__ = ("start", "period", "periods", "clock", "entry", "mode", "brackets", "minimum", "breakdowns", "breakdown_limit", "simple_mean")
    class Period(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PERIOD_UNSPECIFIED: _ClassVar[Retention.Period]
        PERIOD_HOUR: _ClassVar[Retention.Period]
        PERIOD_DAY: _ClassVar[Retention.Period]
        PERIOD_WEEK: _ClassVar[Retention.Period]
        PERIOD_MONTH: _ClassVar[Retention.Period]
    PERIOD_UNSPECIFIED: Retention.Period
    PERIOD_HOUR: Retention.Period
    PERIOD_DAY: Retention.Period
    PERIOD_WEEK: Retention.Period
    PERIOD_MONTH: Retention.Period
    class Clock(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CLOCK_UNSPECIFIED: _ClassVar[Retention.Clock]
        CLOCK_CALENDAR: _ClassVar[Retention.Clock]
        CLOCK_ROLLING: _ClassVar[Retention.Clock]
    CLOCK_UNSPECIFIED: Retention.Clock
    CLOCK_CALENDAR: Retention.Clock
    CLOCK_ROLLING: Retention.Clock
    class Entry(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ENTRY_UNSPECIFIED: _ClassVar[Retention.Entry]
        ENTRY_FIRST_IN_RANGE: _ClassVar[Retention.Entry]
        ENTRY_FIRST_EVER: _ClassVar[Retention.Entry]
        ENTRY_RECURRING: _ClassVar[Retention.Entry]
    ENTRY_UNSPECIFIED: Retention.Entry
    ENTRY_FIRST_IN_RANGE: Retention.Entry
    ENTRY_FIRST_EVER: Retention.Entry
    ENTRY_RECURRING: Retention.Entry
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[Retention.Mode]
        MODE_ON: _ClassVar[Retention.Mode]
        MODE_ON_OR_AFTER: _ClassVar[Retention.Mode]
        MODE_BRACKETS: _ClassVar[Retention.Mode]
    MODE_UNSPECIFIED: Retention.Mode
    MODE_ON: Retention.Mode
    MODE_ON_OR_AFTER: Retention.Mode
    MODE_BRACKETS: Retention.Mode
    START_FIELD_NUMBER: _ClassVar[int]
    RETURN_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    BRACKETS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    SIMPLE_MEAN_FIELD_NUMBER: _ClassVar[int]
    start: _filter_pb2.EventMatcher
    period: Retention.Period
    periods: int
    clock: Retention.Clock
    entry: Retention.Entry
    mode: Retention.Mode
    brackets: _containers.RepeatedScalarFieldContainer[int]
    minimum: int
    breakdowns: _containers.RepeatedCompositeFieldContainer[_breakdown_pb2.Breakdown]
    breakdown_limit: int
    simple_mean: bool
    def __init__(self, start: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., period: _Optional[_Union[Retention.Period, str]] = ..., periods: _Optional[int] = ..., clock: _Optional[_Union[Retention.Clock, str]] = ..., entry: _Optional[_Union[Retention.Entry, str]] = ..., mode: _Optional[_Union[Retention.Mode, str]] = ..., brackets: _Optional[_Iterable[int]] = ..., minimum: _Optional[int] = ..., breakdowns: _Optional[_Iterable[_Union[_breakdown_pb2.Breakdown, _Mapping]]] = ..., breakdown_limit: _Optional[int] = ..., simple_mean: _Optional[bool] = ..., **kwargs) -> None: ...

class RetentionResult(_message.Message):
    __slots__ = ("series",)
    class Cohort(_message.Message):
        __slots__ = ("start", "size", "counts", "complete")
        START_FIELD_NUMBER: _ClassVar[int]
        SIZE_FIELD_NUMBER: _ClassVar[int]
        COUNTS_FIELD_NUMBER: _ClassVar[int]
        COMPLETE_FIELD_NUMBER: _ClassVar[int]
        start: _timestamp_pb2.Timestamp
        size: int
        counts: _containers.RepeatedScalarFieldContainer[int]
        complete: int
        def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., complete: _Optional[int] = ...) -> None: ...
    class Series(_message.Message):
        __slots__ = ("cell", "cohorts", "mean")
        CELL_FIELD_NUMBER: _ClassVar[int]
        COHORTS_FIELD_NUMBER: _ClassVar[int]
        MEAN_FIELD_NUMBER: _ClassVar[int]
        cell: _breakdown_pb2.Cell
        cohorts: _containers.RepeatedCompositeFieldContainer[RetentionResult.Cohort]
        mean: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., cohorts: _Optional[_Iterable[_Union[RetentionResult.Cohort, _Mapping]]] = ..., mean: _Optional[_Iterable[float]] = ...) -> None: ...
    SERIES_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[RetentionResult.Series]
    def __init__(self, series: _Optional[_Iterable[_Union[RetentionResult.Series, _Mapping]]] = ...) -> None: ...
