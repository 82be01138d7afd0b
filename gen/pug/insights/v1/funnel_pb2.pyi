import datetime

from google.protobuf import duration_pb2 as _duration_pb2
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

class Funnel(_message.Message):
    __slots__ = ("steps", "order", "window", "window_scope", "exclusions", "count_by", "hold_constant", "breakdowns", "breakdown_limit", "attribution", "attribution_step", "timing", "trend")
    class Order(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ORDER_UNSPECIFIED: _ClassVar[Funnel.Order]
        ORDER_ORDERED: _ClassVar[Funnel.Order]
        ORDER_STRICT: _ClassVar[Funnel.Order]
        ORDER_ANY_ORDER: _ClassVar[Funnel.Order]
    ORDER_UNSPECIFIED: Funnel.Order
    ORDER_ORDERED: Funnel.Order
    ORDER_STRICT: Funnel.Order
    ORDER_ANY_ORDER: Funnel.Order
    class WindowScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WINDOW_SCOPE_UNSPECIFIED: _ClassVar[Funnel.WindowScope]
        WINDOW_SCOPE_WHOLE: _ClassVar[Funnel.WindowScope]
        WINDOW_SCOPE_PER_STEP: _ClassVar[Funnel.WindowScope]
    WINDOW_SCOPE_UNSPECIFIED: Funnel.WindowScope
    WINDOW_SCOPE_WHOLE: Funnel.WindowScope
    WINDOW_SCOPE_PER_STEP: Funnel.WindowScope
    class CountBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COUNT_BY_UNSPECIFIED: _ClassVar[Funnel.CountBy]
        COUNT_BY_PERSONS: _ClassVar[Funnel.CountBy]
        COUNT_BY_SESSIONS: _ClassVar[Funnel.CountBy]
        COUNT_BY_TOTALS: _ClassVar[Funnel.CountBy]
    COUNT_BY_UNSPECIFIED: Funnel.CountBy
    COUNT_BY_PERSONS: Funnel.CountBy
    COUNT_BY_SESSIONS: Funnel.CountBy
    COUNT_BY_TOTALS: Funnel.CountBy
    class Attribution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ATTRIBUTION_UNSPECIFIED: _ClassVar[Funnel.Attribution]
        ATTRIBUTION_FIRST_TOUCH: _ClassVar[Funnel.Attribution]
        ATTRIBUTION_LAST_TOUCH: _ClassVar[Funnel.Attribution]
        ATTRIBUTION_STEP: _ClassVar[Funnel.Attribution]
        ATTRIBUTION_ALL_STEPS: _ClassVar[Funnel.Attribution]
    ATTRIBUTION_UNSPECIFIED: Funnel.Attribution
    ATTRIBUTION_FIRST_TOUCH: Funnel.Attribution
    ATTRIBUTION_LAST_TOUCH: Funnel.Attribution
    ATTRIBUTION_STEP: Funnel.Attribution
    ATTRIBUTION_ALL_STEPS: Funnel.Attribution
    class Step(_message.Message):
        __slots__ = ("event", "optional")
        EVENT_FIELD_NUMBER: _ClassVar[int]
        OPTIONAL_FIELD_NUMBER: _ClassVar[int]
        event: _filter_pb2.EventMatcher
        optional: bool
        def __init__(self, event: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., optional: _Optional[bool] = ...) -> None: ...
    class Exclusion(_message.Message):
        __slots__ = ("event", "from_step", "to_step", "effect")
        class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            EFFECT_UNSPECIFIED: _ClassVar[Funnel.Exclusion.Effect]
            EFFECT_DROP_PERSON: _ClassVar[Funnel.Exclusion.Effect]
            EFFECT_CUT_THERE: _ClassVar[Funnel.Exclusion.Effect]
        EFFECT_UNSPECIFIED: Funnel.Exclusion.Effect
        EFFECT_DROP_PERSON: Funnel.Exclusion.Effect
        EFFECT_CUT_THERE: Funnel.Exclusion.Effect
        EVENT_FIELD_NUMBER: _ClassVar[int]
        FROM_STEP_FIELD_NUMBER: _ClassVar[int]
        TO_STEP_FIELD_NUMBER: _ClassVar[int]
        EFFECT_FIELD_NUMBER: _ClassVar[int]
        event: _filter_pb2.EventMatcher
        from_step: int
        to_step: int
        effect: Funnel.Exclusion.Effect
        def __init__(self, event: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., from_step: _Optional[int] = ..., to_step: _Optional[int] = ..., effect: _Optional[_Union[Funnel.Exclusion.Effect, str]] = ...) -> None: ...
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SCOPE_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIONS_FIELD_NUMBER: _ClassVar[int]
    COUNT_BY_FIELD_NUMBER: _ClassVar[int]
    HOLD_CONSTANT_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_STEP_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Funnel.Step]
    order: Funnel.Order
    window: _duration_pb2.Duration
    window_scope: Funnel.WindowScope
    exclusions: _containers.RepeatedCompositeFieldContainer[Funnel.Exclusion]
    count_by: Funnel.CountBy
    hold_constant: _containers.RepeatedScalarFieldContainer[str]
    breakdowns: _containers.RepeatedCompositeFieldContainer[_breakdown_pb2.Breakdown]
    breakdown_limit: int
    attribution: Funnel.Attribution
    attribution_step: int
    timing: bool
    trend: bool
    def __init__(self, steps: _Optional[_Iterable[_Union[Funnel.Step, _Mapping]]] = ..., order: _Optional[_Union[Funnel.Order, str]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., window_scope: _Optional[_Union[Funnel.WindowScope, str]] = ..., exclusions: _Optional[_Iterable[_Union[Funnel.Exclusion, _Mapping]]] = ..., count_by: _Optional[_Union[Funnel.CountBy, str]] = ..., hold_constant: _Optional[_Iterable[str]] = ..., breakdowns: _Optional[_Iterable[_Union[_breakdown_pb2.Breakdown, _Mapping]]] = ..., breakdown_limit: _Optional[int] = ..., attribution: _Optional[_Union[Funnel.Attribution, str]] = ..., attribution_step: _Optional[int] = ..., timing: _Optional[bool] = ..., trend: _Optional[bool] = ...) -> None: ...

class FunnelResult(_message.Message):
    __slots__ = ("series",)
    class Bin(_message.Message):
        __slots__ = ("upper", "count")
        UPPER_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        upper: _duration_pb2.Duration
        count: int
        def __init__(self, upper: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...
    class Step(_message.Message):
        __slots__ = ("count", "from_first", "from_previous", "average", "median", "p95", "histogram")
        COUNT_FIELD_NUMBER: _ClassVar[int]
        FROM_FIRST_FIELD_NUMBER: _ClassVar[int]
        FROM_PREVIOUS_FIELD_NUMBER: _ClassVar[int]
        AVERAGE_FIELD_NUMBER: _ClassVar[int]
        MEDIAN_FIELD_NUMBER: _ClassVar[int]
        P95_FIELD_NUMBER: _ClassVar[int]
        HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
        count: int
        from_first: float
        from_previous: float
        average: _duration_pb2.Duration
        median: _duration_pb2.Duration
        p95: _duration_pb2.Duration
        histogram: _containers.RepeatedCompositeFieldContainer[FunnelResult.Bin]
        def __init__(self, count: _Optional[int] = ..., from_first: _Optional[float] = ..., from_previous: _Optional[float] = ..., average: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., median: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p95: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., histogram: _Optional[_Iterable[_Union[FunnelResult.Bin, _Mapping]]] = ...) -> None: ...
    class Entry(_message.Message):
        __slots__ = ("start", "partial", "entered", "converted")
        START_FIELD_NUMBER: _ClassVar[int]
        PARTIAL_FIELD_NUMBER: _ClassVar[int]
        ENTERED_FIELD_NUMBER: _ClassVar[int]
        CONVERTED_FIELD_NUMBER: _ClassVar[int]
        start: _timestamp_pb2.Timestamp
        partial: bool
        entered: int
        converted: int
        def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., partial: _Optional[bool] = ..., entered: _Optional[int] = ..., converted: _Optional[int] = ...) -> None: ...
    class Series(_message.Message):
        __slots__ = ("cell", "steps", "trend")
        CELL_FIELD_NUMBER: _ClassVar[int]
        STEPS_FIELD_NUMBER: _ClassVar[int]
        TREND_FIELD_NUMBER: _ClassVar[int]
        cell: _breakdown_pb2.Cell
        steps: _containers.RepeatedCompositeFieldContainer[FunnelResult.Step]
        trend: _containers.RepeatedCompositeFieldContainer[FunnelResult.Entry]
        def __init__(self, cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[FunnelResult.Step, _Mapping]]] = ..., trend: _Optional[_Iterable[_Union[FunnelResult.Entry, _Mapping]]] = ...) -> None: ...
    SERIES_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[FunnelResult.Series]
    def __init__(self, series: _Optional[_Iterable[_Union[FunnelResult.Series, _Mapping]]] = ...) -> None: ...
