import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.common.v1 import access_pb2 as _access_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import trends_pb2 as _trends_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Granularity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANULARITY_UNSPECIFIED: _ClassVar[Granularity]
    GRANULARITY_MINUTE: _ClassVar[Granularity]
    GRANULARITY_HOUR: _ClassVar[Granularity]
    GRANULARITY_DAY: _ClassVar[Granularity]
    GRANULARITY_WEEK: _ClassVar[Granularity]
    GRANULARITY_MONTH: _ClassVar[Granularity]

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
GRANULARITY_UNSPECIFIED: Granularity
GRANULARITY_MINUTE: Granularity
GRANULARITY_HOUR: Granularity
GRANULARITY_DAY: Granularity
GRANULARITY_WEEK: Granularity
GRANULARITY_MONTH: Granularity
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
    __slots__ = ("trends", "filters", "include_cookieless")
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_COOKIELESS_FIELD_NUMBER: _ClassVar[int]
    trends: _trends_pb2.Trends
    filters: _filter_pb2.FilterGroup
    include_cookieless: bool
    def __init__(self, trends: _Optional[_Union[_trends_pb2.Trends, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., include_cookieless: _Optional[bool] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("insight", "time_range", "preset", "granularity", "time_zone", "week_start", "as_of_identity")
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    AS_OF_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    insight: Insight
    time_range: TimeRange
    preset: Preset
    granularity: Granularity
    time_zone: str
    week_start: WeekStart
    as_of_identity: int
    def __init__(self, insight: _Optional[_Union[Insight, _Mapping]] = ..., time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., preset: _Optional[_Union[Preset, str]] = ..., granularity: _Optional[_Union[Granularity, str]] = ..., time_zone: _Optional[str] = ..., week_start: _Optional[_Union[WeekStart, str]] = ..., as_of_identity: _Optional[int] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("trends", "meta")
    TRENDS_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    trends: _trends_pb2.TrendsResult
    meta: Meta
    def __init__(self, trends: _Optional[_Union[_trends_pb2.TrendsResult, _Mapping]] = ..., meta: _Optional[_Union[Meta, _Mapping]] = ...) -> None: ...

class Meta(_message.Message):
    __slots__ = ("complete_until", "exactness", "source", "rows_read", "elapsed", "identity_version", "time_range", "time_zone")
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
    complete_until: _timestamp_pb2.Timestamp
    exactness: Meta.Exactness
    source: Meta.Table
    rows_read: int
    elapsed: _duration_pb2.Duration
    identity_version: int
    time_range: TimeRange
    time_zone: str
    def __init__(self, complete_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., exactness: _Optional[_Union[Meta.Exactness, str]] = ..., source: _Optional[_Union[Meta.Table, str]] = ..., rows_read: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., identity_version: _Optional[int] = ..., time_range: _Optional[_Union[TimeRange, _Mapping]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: QueryRequest
    def __init__(self, query: _Optional[_Union[QueryRequest, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("sql", "values", "console_sql", "source", "rows_to_read")
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
    sql: str
    values: _containers.RepeatedCompositeFieldContainer[ExplainResponse.Value]
    console_sql: str
    source: Meta.Table
    rows_to_read: int
    def __init__(self, sql: _Optional[str] = ..., values: _Optional[_Iterable[_Union[ExplainResponse.Value, _Mapping]]] = ..., console_sql: _Optional[str] = ..., source: _Optional[_Union[Meta.Table, str]] = ..., rows_to_read: _Optional[int] = ...) -> None: ...

class GetSchemaRequest(_message.Message):
    __slots__ = ("event_name",)
    EVENT_NAME_FIELD_NUMBER: _ClassVar[int]
    event_name: str
    def __init__(self, event_name: _Optional[str] = ...) -> None: ...

class GetSchemaResponse(_message.Message):
    __slots__ = ("events", "properties")
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
    events: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Event]
    properties: _containers.RepeatedCompositeFieldContainer[GetSchemaResponse.Property]
    def __init__(self, events: _Optional[_Iterable[_Union[GetSchemaResponse.Event, _Mapping]]] = ..., properties: _Optional[_Iterable[_Union[GetSchemaResponse.Property, _Mapping]]] = ...) -> None: ...
