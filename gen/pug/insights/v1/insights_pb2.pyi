import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.common.v1 import access_pb2 as _access_pb2
from pug.insights.v1 import breakdown_pb2 as _breakdown_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import flow_pb2 as _flow_pb2
from pug.insights.v1 import funnel_pb2 as _funnel_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from pug.insights.v1 import lifecycle_pb2 as _lifecycle_pb2
from pug.insights.v1 import person_pb2 as _person_pb2
from pug.insights.v1 import retention_pb2 as _retention_pb2
from pug.insights.v1 import segmentation_pb2 as _segmentation_pb2
from pug.insights.v1 import sessions_pb2 as _sessions_pb2
from pug.insights.v1 import stickiness_pb2 as _stickiness_pb2
from pug.insights.v1 import top_k_pb2 as _top_k_pb2
from pug.insights.v1 import trends_pb2 as _trends_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union
from pug.insights.v1.granularity_pb2 import Granularity as Granularity

DESCRIPTOR: _descriptor.FileDescriptor
GRANULARITY_UNSPECIFIED: _granularity_pb2.Granularity
GRANULARITY_MINUTE: _granularity_pb2.Granularity
GRANULARITY_HOUR: _granularity_pb2.Granularity
GRANULARITY_DAY: _granularity_pb2.Granularity
GRANULARITY_WEEK: _granularity_pb2.Granularity
GRANULARITY_MONTH: _granularity_pb2.Granularity

class WeekStart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEEK_START_UNSPECIFIED: _ClassVar[WeekStart]
    WEEK_START_MONDAY: _ClassVar[WeekStart]
    WEEK_START_SUNDAY: _ClassVar[WeekStart]

class Preset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESET_UNSPECIFIED: _ClassVar[Preset]
    PRESET_TODAY: _ClassVar[Preset]
    PRESET_YESTERDAY: _ClassVar[Preset]
    PRESET_LAST_7_DAYS: _ClassVar[Preset]
    PRESET_LAST_30_DAYS: _ClassVar[Preset]
    PRESET_LAST_90_DAYS: _ClassVar[Preset]
    PRESET_THIS_MONTH: _ClassVar[Preset]
    PRESET_LAST_MONTH: _ClassVar[Preset]
    PRESET_LAST_12_MONTHS: _ClassVar[Preset]
WEEK_START_UNSPECIFIED: WeekStart
WEEK_START_MONDAY: WeekStart
WEEK_START_SUNDAY: WeekStart
PRESET_UNSPECIFIED: Preset
PRESET_TODAY: Preset
PRESET_YESTERDAY: Preset
PRESET_LAST_7_DAYS: Preset
PRESET_LAST_30_DAYS: Preset
PRESET_LAST_90_DAYS: Preset
PRESET_THIS_MONTH: Preset
PRESET_LAST_MONTH: Preset
PRESET_LAST_12_MONTHS: Preset

class TimeRange(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: _timestamp_pb2.Timestamp
    def __init__(self, to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class Insight(_message.Message):
    __slots__ = ("trends", "segmentation", "funnel", "retention", "stickiness", "lifecycle", "flow", "top_k", "sessions", "filters", "include_cookieless")
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    FUNNEL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    STICKINESS_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_COOKIELESS_FIELD_NUMBER: _ClassVar[int]
    trends: _trends_pb2.Trends
    segmentation: _segmentation_pb2.Segmentation
    funnel: _funnel_pb2.Funnel
    retention: _retention_pb2.Retention
    stickiness: _stickiness_pb2.Stickiness
    lifecycle: _lifecycle_pb2.Lifecycle
    flow: _flow_pb2.Flow
    top_k: _top_k_pb2.TopK
    sessions: _sessions_pb2.Sessions
    filters: _filter_pb2.FilterGroup
    include_cookieless: bool
    def __init__(self, trends: _Optional[_Union[_trends_pb2.Trends, _Mapping]] = ..., segmentation: _Optional[_Union[_segmentation_pb2.Segmentation, _Mapping]] = ..., funnel: _Optional[_Union[_funnel_pb2.Funnel, _Mapping]] = ..., retention: _Optional[_Union[_retention_pb2.Retention, _Mapping]] = ..., stickiness: _Optional[_Union[_stickiness_pb2.Stickiness, _Mapping]] = ..., lifecycle: _Optional[_Union[_lifecycle_pb2.Lifecycle, _Mapping]] = ..., flow: _Optional[_Union[_flow_pb2.Flow, _Mapping]] = ..., top_k: _Optional[_Union[_top_k_pb2.TopK, _Mapping]] = ..., sessions: _Optional[_Union[_sessions_pb2.Sessions, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., include_cookieless: _Optional[bool] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("insight", "time_range", "preset", "granularity", "time_zone", "week_start", "as_of_identity", "compare", "approximate")
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    AS_OF_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    COMPARE_FIELD_NUMBER: _ClassVar[int]
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    insight: Insight
    time_range: TimeRange
    preset: Preset
    granularity: _granularity_pb2.Granularity
    time_zone: str
    week_start: WeekStart
    as_of_identity: int
    compare: Compare
    approximate: bool
    def __init__(self, insight: _Optional[_Union[Insight, _Mapping]] = ..., time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., preset: _Optional[_Union[Preset, str]] = ..., granularity: _Optional[_Union[_granularity_pb2.Granularity, str]] = ..., time_zone: _Optional[str] = ..., week_start: _Optional[_Union[WeekStart, str]] = ..., as_of_identity: _Optional[int] = ..., compare: _Optional[_Union[Compare, _Mapping]] = ..., approximate: _Optional[bool] = ...) -> None: ...

class Compare(_message.Message):
    __slots__ = ("offset",)
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    offset: _duration_pb2.Duration
    def __init__(self, offset: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("trends", "segmentation", "funnel", "retention", "stickiness", "lifecycle", "flow", "top_k", "meta")
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    FUNNEL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    STICKINESS_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    trends: _trends_pb2.TrendsResult
    segmentation: _segmentation_pb2.SegmentationResult
    funnel: _funnel_pb2.FunnelResult
    retention: _retention_pb2.RetentionResult
    stickiness: _stickiness_pb2.StickinessResult
    lifecycle: _lifecycle_pb2.LifecycleResult
    flow: _flow_pb2.FlowResult
    top_k: _top_k_pb2.TopKResult
    meta: Meta
    def __init__(self, trends: _Optional[_Union[_trends_pb2.TrendsResult, _Mapping]] = ..., segmentation: _Optional[_Union[_segmentation_pb2.SegmentationResult, _Mapping]] = ..., funnel: _Optional[_Union[_funnel_pb2.FunnelResult, _Mapping]] = ..., retention: _Optional[_Union[_retention_pb2.RetentionResult, _Mapping]] = ..., stickiness: _Optional[_Union[_stickiness_pb2.StickinessResult, _Mapping]] = ..., lifecycle: _Optional[_Union[_lifecycle_pb2.LifecycleResult, _Mapping]] = ..., flow: _Optional[_Union[_flow_pb2.FlowResult, _Mapping]] = ..., top_k: _Optional[_Union[_top_k_pb2.TopKResult, _Mapping]] = ..., meta: _Optional[_Union[Meta, _Mapping]] = ...) -> None: ...

class Meta(_message.Message):
    __slots__ = ("complete_until", "exactness", "source", "rows_read", "elapsed", "identity_version", "time_range", "time_zone", "hint", "compare_range", "kept")
    class Exactness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EXACTNESS_UNSPECIFIED: _ClassVar[Meta.Exactness]
        EXACTNESS_EXACT: _ClassVar[Meta.Exactness]
        EXACTNESS_APPROXIMATE: _ClassVar[Meta.Exactness]
    EXACTNESS_UNSPECIFIED: Meta.Exactness
    EXACTNESS_EXACT: Meta.Exactness
    EXACTNESS_APPROXIMATE: Meta.Exactness
    class Table(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TABLE_UNSPECIFIED: _ClassVar[Meta.Table]
        TABLE_RAW: _ClassVar[Meta.Table]
        TABLE_ROLLUP: _ClassVar[Meta.Table]
    TABLE_UNSPECIFIED: Meta.Table
    TABLE_RAW: Meta.Table
    TABLE_ROLLUP: Meta.Table
    COMPLETE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    EXACTNESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_READ_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    COMPARE_RANGE_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    complete_until: _timestamp_pb2.Timestamp
    exactness: Meta.Exactness
    source: Meta.Table
    rows_read: int
    elapsed: _duration_pb2.Duration
    identity_version: int
    time_range: TimeRange
    time_zone: str
    hint: str
    compare_range: TimeRange
    kept: bool
    def __init__(self, complete_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., exactness: _Optional[_Union[Meta.Exactness, str]] = ..., source: _Optional[_Union[Meta.Table, str]] = ..., rows_read: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., identity_version: _Optional[int] = ..., time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., time_zone: _Optional[str] = ..., hint: _Optional[str] = ..., compare_range: _Optional[_Union[TimeRange, _Mapping]] = ..., kept: _Optional[bool] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: QueryRequest
    def __init__(self, query: _Optional[_Union[QueryRequest, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("sql", "values", "console_sql", "source", "rows_to_read", "plan")
    class Value(_message.Message):
        __slots__ = ("name", "type", "value")
        NAME_FIELD_NUMBER: _ClassVar[int]
        TYPE_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        name: str
        type: str
        value: str
        def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SQL_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_SQL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_TO_READ_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    sql: str
    values: _containers.RepeatedCompositeFieldContainer[ExplainResponse.Value]
    console_sql: str
    source: Meta.Table
    rows_to_read: int
    plan: str
    def __init__(self, sql: _Optional[str] = ..., values: _Optional[_Iterable[_Union[ExplainResponse.Value, _Mapping]]] = ..., console_sql: _Optional[str] = ..., source: _Optional[_Union[Meta.Table, str]] = ..., rows_to_read: _Optional[int] = ..., plan: _Optional[str] = ...) -> None: ...

class ListPersonsRequest(_message.Message):
    __slots__ = ("query", "trends", "segmentation", "funnel", "retention", "stickiness", "lifecycle", "flow", "top_k", "sessions", "page_size", "page_token")
    class OfTrends(_message.Message):
        __slots__ = ("series", "cell", "bucket")
        SERIES_FIELD_NUMBER: _ClassVar[int]
        CELL_FIELD_NUMBER: _ClassVar[int]
        BUCKET_FIELD_NUMBER: _ClassVar[int]
        series: str
        cell: _breakdown_pb2.Cell
        bucket: _timestamp_pb2.Timestamp
        def __init__(self, series: _Optional[str] = ..., cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., bucket: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class OfSegmentation(_message.Message):
        __slots__ = ("series", "cell")
        SERIES_FIELD_NUMBER: _ClassVar[int]
        CELL_FIELD_NUMBER: _ClassVar[int]
        series: str
        cell: _breakdown_pb2.Cell
        def __init__(self, series: _Optional[str] = ..., cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ...) -> None: ...
    class OfFunnel(_message.Message):
        __slots__ = ("cell", "step", "dropped", "entered")
        CELL_FIELD_NUMBER: _ClassVar[int]
        STEP_FIELD_NUMBER: _ClassVar[int]
        DROPPED_FIELD_NUMBER: _ClassVar[int]
        ENTERED_FIELD_NUMBER: _ClassVar[int]
        cell: _breakdown_pb2.Cell
        step: int
        dropped: bool
        entered: _timestamp_pb2.Timestamp
        def __init__(self, cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., step: _Optional[int] = ..., dropped: _Optional[bool] = ..., entered: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class OfRetention(_message.Message):
        __slots__ = ("cell", "cohort", "period")
        CELL_FIELD_NUMBER: _ClassVar[int]
        COHORT_FIELD_NUMBER: _ClassVar[int]
        PERIOD_FIELD_NUMBER: _ClassVar[int]
        cell: _breakdown_pb2.Cell
        cohort: _timestamp_pb2.Timestamp
        period: int
        def __init__(self, cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., cohort: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[int] = ...) -> None: ...
    class OfStickiness(_message.Message):
        __slots__ = ("buckets",)
        BUCKETS_FIELD_NUMBER: _ClassVar[int]
        buckets: int
        def __init__(self, buckets: _Optional[int] = ...) -> None: ...
    class OfLifecycle(_message.Message):
        __slots__ = ("bucket", "state")
        class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            STATE_UNSPECIFIED: _ClassVar[ListPersonsRequest.OfLifecycle.State]
            STATE_NEW: _ClassVar[ListPersonsRequest.OfLifecycle.State]
            STATE_RETURNING: _ClassVar[ListPersonsRequest.OfLifecycle.State]
            STATE_RESURRECTING: _ClassVar[ListPersonsRequest.OfLifecycle.State]
            STATE_DORMANT: _ClassVar[ListPersonsRequest.OfLifecycle.State]
        STATE_UNSPECIFIED: ListPersonsRequest.OfLifecycle.State
        STATE_NEW: ListPersonsRequest.OfLifecycle.State
        STATE_RETURNING: ListPersonsRequest.OfLifecycle.State
        STATE_RESURRECTING: ListPersonsRequest.OfLifecycle.State
        STATE_DORMANT: ListPersonsRequest.OfLifecycle.State
        BUCKET_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        bucket: _timestamp_pb2.Timestamp
        state: ListPersonsRequest.OfLifecycle.State
        def __init__(self, bucket: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[ListPersonsRequest.OfLifecycle.State, str]] = ...) -> None: ...
    class OfFlow(_message.Message):
        __slots__ = ("source", "target")
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        TARGET_FIELD_NUMBER: _ClassVar[int]
        source: int
        target: int
        def __init__(self, source: _Optional[int] = ..., target: _Optional[int] = ...) -> None: ...
    class OfTopK(_message.Message):
        __slots__ = ("value", "absent", "others")
        VALUE_FIELD_NUMBER: _ClassVar[int]
        ABSENT_FIELD_NUMBER: _ClassVar[int]
        OTHERS_FIELD_NUMBER: _ClassVar[int]
        value: str
        absent: bool
        others: bool
        def __init__(self, value: _Optional[str] = ..., absent: _Optional[bool] = ..., others: _Optional[bool] = ...) -> None: ...
    class OfSessions(_message.Message):
        __slots__ = ("cell", "bucket")
        CELL_FIELD_NUMBER: _ClassVar[int]
        BUCKET_FIELD_NUMBER: _ClassVar[int]
        cell: _breakdown_pb2.Cell
        bucket: _timestamp_pb2.Timestamp
        def __init__(self, cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., bucket: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    FUNNEL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    STICKINESS_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: QueryRequest
    trends: ListPersonsRequest.OfTrends
    segmentation: ListPersonsRequest.OfSegmentation
    funnel: ListPersonsRequest.OfFunnel
    retention: ListPersonsRequest.OfRetention
    stickiness: ListPersonsRequest.OfStickiness
    lifecycle: ListPersonsRequest.OfLifecycle
    flow: ListPersonsRequest.OfFlow
    top_k: ListPersonsRequest.OfTopK
    sessions: ListPersonsRequest.OfSessions
    page_size: int
    page_token: str
    def __init__(self, query: _Optional[_Union[QueryRequest, _Mapping]] = ..., trends: _Optional[_Union[ListPersonsRequest.OfTrends, _Mapping]] = ..., segmentation: _Optional[_Union[ListPersonsRequest.OfSegmentation, _Mapping]] = ..., funnel: _Optional[_Union[ListPersonsRequest.OfFunnel, _Mapping]] = ..., retention: _Optional[_Union[ListPersonsRequest.OfRetention, _Mapping]] = ..., stickiness: _Optional[_Union[ListPersonsRequest.OfStickiness, _Mapping]] = ..., lifecycle: _Optional[_Union[ListPersonsRequest.OfLifecycle, _Mapping]] = ..., flow: _Optional[_Union[ListPersonsRequest.OfFlow, _Mapping]] = ..., top_k: _Optional[_Union[ListPersonsRequest.OfTopK, _Mapping]] = ..., sessions: _Optional[_Union[ListPersonsRequest.OfSessions, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPersonsResponse(_message.Message):
    __slots__ = ("persons", "total", "next_page_token", "meta")
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    persons: _containers.RepeatedCompositeFieldContainer[_person_pb2.Person]
    total: int
    next_page_token: str
    meta: Meta
    def __init__(self, persons: _Optional[_Iterable[_Union[_person_pb2.Person, _Mapping]]] = ..., total: _Optional[int] = ..., next_page_token: _Optional[str] = ..., meta: _Optional[_Union[Meta, _Mapping]] = ...) -> None: ...

class WhyNotRequest(_message.Message):
    __slots__ = ("query", "distinct_id")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    query: QueryRequest
    distinct_id: str
    def __init__(self, query: _Optional[_Union[QueryRequest, _Mapping]] = ..., distinct_id: _Optional[str] = ...) -> None: ...

class WhyNotResponse(_message.Message):
    __slots__ = ("reached", "stopped_at", "rule", "explanation", "events", "left_out", "meta")
    class Rule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RULE_UNSPECIFIED: _ClassVar[WhyNotResponse.Rule]
        RULE_CONVERTED: _ClassVar[WhyNotResponse.Rule]
        RULE_NEVER_ENTERED: _ClassVar[WhyNotResponse.Rule]
        RULE_STEP_NEVER_DONE: _ClassVar[WhyNotResponse.Rule]
        RULE_WINDOW_OVER: _ClassVar[WhyNotResponse.Rule]
        RULE_NOT_STRICTLY_NEXT: _ClassVar[WhyNotResponse.Rule]
        RULE_EXCLUDED: _ClassVar[WhyNotResponse.Rule]
        RULE_VALUE_CHANGED: _ClassVar[WhyNotResponse.Rule]
        RULE_TOO_EARLY: _ClassVar[WhyNotResponse.Rule]
        RULE_OTHER_SESSION: _ClassVar[WhyNotResponse.Rule]
    RULE_UNSPECIFIED: WhyNotResponse.Rule
    RULE_CONVERTED: WhyNotResponse.Rule
    RULE_NEVER_ENTERED: WhyNotResponse.Rule
    RULE_STEP_NEVER_DONE: WhyNotResponse.Rule
    RULE_WINDOW_OVER: WhyNotResponse.Rule
    RULE_NOT_STRICTLY_NEXT: WhyNotResponse.Rule
    RULE_EXCLUDED: WhyNotResponse.Rule
    RULE_VALUE_CHANGED: WhyNotResponse.Rule
    RULE_TOO_EARLY: WhyNotResponse.Rule
    RULE_OTHER_SESSION: WhyNotResponse.Rule
    class Event(_message.Message):
        __slots__ = ("event_id", "name", "occurred_at", "matches", "fills", "excludes", "distinct_id")
        EVENT_ID_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
        MATCHES_FIELD_NUMBER: _ClassVar[int]
        FILLS_FIELD_NUMBER: _ClassVar[int]
        EXCLUDES_FIELD_NUMBER: _ClassVar[int]
        DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
        event_id: str
        name: str
        occurred_at: _timestamp_pb2.Timestamp
        matches: _containers.RepeatedScalarFieldContainer[int]
        fills: int
        excludes: _containers.RepeatedScalarFieldContainer[int]
        distinct_id: str
        def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., matches: _Optional[_Iterable[int]] = ..., fills: _Optional[int] = ..., excludes: _Optional[_Iterable[int]] = ..., distinct_id: _Optional[str] = ...) -> None: ...
    REACHED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_AT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    reached: int
    stopped_at: int
    rule: WhyNotResponse.Rule
    explanation: str
    events: _containers.RepeatedCompositeFieldContainer[WhyNotResponse.Event]
    left_out: int
    meta: Meta
    def __init__(self, reached: _Optional[int] = ..., stopped_at: _Optional[int] = ..., rule: _Optional[_Union[WhyNotResponse.Rule, str]] = ..., explanation: _Optional[str] = ..., events: _Optional[_Iterable[_Union[WhyNotResponse.Event, _Mapping]]] = ..., left_out: _Optional[int] = ..., meta: _Optional[_Union[Meta, _Mapping]] = ...) -> None: ...

class ListPropertyValuesRequest(_message.Message):
    __slots__ = ("event_name", "property", "source", "search", "limit")
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    property: str
    source: _filter_pb2.Source
    search: str
    limit: int
    def __init__(self, event_name: _Optional[str] = ..., property: _Optional[str] = ..., source: _Optional[_Union[_filter_pb2.Source, str]] = ..., search: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListPropertyValuesResponse(_message.Message):
    __slots__ = ("values",)
    class Value(_message.Message):
        __slots__ = ("value", "count", "last_seen")
        VALUE_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
        value: str
        count: int
        last_seen: _timestamp_pb2.Timestamp
        def __init__(self, value: _Optional[str] = ..., count: _Optional[int] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[ListPropertyValuesResponse.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[ListPropertyValuesResponse.Value, _Mapping]]] = ...) -> None: ...

class GetSchemaRequest(_message.Message):
    __slots__ = ("event_name", "search")
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    search: str
    def __init__(self, event_name: _Optional[str] = ..., search: _Optional[str] = ...) -> None: ...

class GetSchemaResponse(_message.Message):
    __slots__ = ("events", "properties", "traits", "more_events", "more_properties", "more_traits")
    class Event(_message.Message):
        __slots__ = ("name", "count", "last_seen")
        NAME_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
        name: str
        count: int
        last_seen: _timestamp_pb2.Timestamp
        def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class Property(_message.Message):
        __slots__ = ("key", "types", "count", "last_seen")
        class Type(_message.Message):
            __slots__ = ("name", "count")
            NAME_FIELD_NUMBER: _ClassVar[int]
            COUNT_FIELD_NUMBER: _ClassVar[int]
            name: str
            count: int
            def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
        KEY_FIELD_NUMBER: _ClassVar[int]
        TYPES_FIELD_NUMBER: _ClassVar[int]
        COUNT_FIELD_NUMBER: _ClassVar[int]
        LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
        key: str
        types: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Property.Type]
        count: int
        last_seen: _timestamp_pb2.Timestamp
        def __init__(self, key: _Optional[str] = ..., types: _Optional[_Iterable[_Union[GetSchemaResponse.Property.Type, _Mapping]]] = ..., count: _Optional[int] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    MORE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    MORE_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    MORE_TRAITS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Event]
    properties: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Property]
    traits: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Property]
    more_events: bool
    more_properties: bool
    more_traits: bool
    def __init__(self, events: _Optional[_Iterable[_Union[GetSchemaResponse.Event, _Mapping]]] = ..., properties: _Optional[_Iterable[_Union[GetSchemaResponse.Property, _Mapping]]] = ..., traits: _Optional[_Iterable[_Union[GetSchemaResponse.Property, _Mapping]]] = ..., more_events: _Optional[bool] = ..., more_properties: _Optional[bool] = ..., more_traits: _Optional[bool] = ...) -> None: ...
