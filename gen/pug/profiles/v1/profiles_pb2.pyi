import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.common.v1 import access_pb2 as _access_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.profiles.v1 import data_export_pb2 as _data_export_pb2
from pug.profiles.v1 import erasure_pb2 as _erasure_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Person(_message.Message):
    __slots__ = ("id", "external_id", "distinct_ids", "traits", "activity")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_IDS_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    external_id: str
    distinct_ids: _containers.RepeatedScalarFieldContainer[str]
    traits: _struct_pb2.Struct
    activity: Activity
    def __init__(self, id: _Optional[str] = ..., external_id: _Optional[str] = ..., distinct_ids: _Optional[_Iterable[str]] = ..., traits: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., activity: _Optional[_Union[Activity, _Mapping]] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("first_seen", "last_seen", "events", "sessions", "page_views", "latest")
    class LatestEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FIRST_SEEN_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    first_seen: _timestamp_pb2.Timestamp
    last_seen: _timestamp_pb2.Timestamp
    events: int
    sessions: int
    page_views: int
    latest: _containers.ScalarMap[str, str]
    def __init__(self, first_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., events: _Optional[int] = ..., sessions: _Optional[int] = ..., page_views: _Optional[int] = ..., latest: _Optional[_Mapping[str, str]] = ...) -> None: ...

class IdentifyRequest(_message.Message):
    __slots__ = ("distinct_id", "external_id", "traits")
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    distinct_id: str
    external_id: str
    traits: _struct_pb2.Struct
    def __init__(self, distinct_id: _Optional[str] = ..., external_id: _Optional[str] = ..., traits: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class IdentifyResponse(_message.Message):
    __slots__ = ("person_id", "identity_version")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    identity_version: int
    def __init__(self, person_id: _Optional[str] = ..., identity_version: _Optional[int] = ...) -> None: ...

class SetTraitsRequest(_message.Message):
    __slots__ = ("distinct_id", "set", "set_once", "unset", "increment")
    class IncrementEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    SET_ONCE_FIELD_NUMBER: _ClassVar[int]
    UNSET_FIELD_NUMBER: _ClassVar[int]
    INCREMENT_FIELD_NUMBER: _ClassVar[int]
    distinct_id: str
    set: _struct_pb2.Struct
    set_once: _struct_pb2.Struct
    unset: _containers.RepeatedScalarFieldContainer[str]
    increment: _containers.ScalarMap[str, float]
    def __init__(self, distinct_id: _Optional[str] = ..., set: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., set_once: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., unset: _Optional[_Iterable[str]] = ..., increment: _Optional[_Mapping[str, float]] = ...) -> None: ...

class SetTraitsResponse(_message.Message):
    __slots__ = ("person_id", "traits", "identity_version")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    traits: _struct_pb2.Struct
    identity_version: int
    def __init__(self, person_id: _Optional[str] = ..., traits: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., identity_version: _Optional[int] = ...) -> None: ...

class MergeRequest(_message.Message):
    __slots__ = ("into",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    into: str
    def __init__(self, into: _Optional[str] = ..., **kwargs) -> None: ...

class MergeResponse(_message.Message):
    __slots__ = ("merge", "person_id")
    MERGE_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    merge: Tie
    person_id: str
    def __init__(self, merge: _Optional[_Union[Tie, _Mapping]] = ..., person_id: _Optional[str] = ...) -> None: ...

class Tie(_message.Message):
    __slots__ = ("id", "kind", "into", "identity_version", "created_at", "unmerged_at")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Tie.Kind]
        KIND_IDENTIFY: _ClassVar[Tie.Kind]
        KIND_MERGE: _ClassVar[Tie.Kind]
    KIND_UNSPECIFIED: Tie.Kind
    KIND_IDENTIFY: Tie.Kind
    KIND_MERGE: Tie.Kind
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UNMERGED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Tie.Kind
    into: str
    identity_version: int
    created_at: _timestamp_pb2.Timestamp
    unmerged_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Tie.Kind, str]] = ..., into: _Optional[str] = ..., identity_version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unmerged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class UnmergeRequest(_message.Message):
    __slots__ = ("merge_id",)
    MERGE_ID_FIELD_NUMBER: _ClassVar[int]
    merge_id: str
    def __init__(self, merge_id: _Optional[str] = ...) -> None: ...

class UnmergeResponse(_message.Message):
    __slots__ = ("merge", "identity_version")
    MERGE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_VERSION_FIELD_NUMBER: _ClassVar[int]
    merge: Tie
    identity_version: int
    def __init__(self, merge: _Optional[_Union[Tie, _Mapping]] = ..., identity_version: _Optional[int] = ...) -> None: ...

class ListMergesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMergesResponse(_message.Message):
    __slots__ = ("merges", "next_page_token")
    MERGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    merges: _containers.RepeatedCompositeFieldContainer[Tie]
    next_page_token: str
    def __init__(self, merges: _Optional[_Iterable[_Union[Tie, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPersonRequest(_message.Message):
    __slots__ = ("person_id", "distinct_id", "external_id")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    distinct_id: str
    external_id: str
    def __init__(self, person_id: _Optional[str] = ..., distinct_id: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class GetPersonResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: Person
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ...) -> None: ...

class ListPersonsRequest(_message.Message):
    __slots__ = ("filters", "activity", "search", "known", "page_size", "page_token")
    class Known(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KNOWN_UNSPECIFIED: _ClassVar[ListPersonsRequest.Known]
        KNOWN_IDENTIFIED: _ClassVar[ListPersonsRequest.Known]
        KNOWN_ANONYMOUS: _ClassVar[ListPersonsRequest.Known]
    KNOWN_UNSPECIFIED: ListPersonsRequest.Known
    KNOWN_IDENTIFIED: ListPersonsRequest.Known
    KNOWN_ANONYMOUS: ListPersonsRequest.Known
    class ActivityFilter(_message.Message):
        __slots__ = ("field", "op", "values")
        class Field(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            FIELD_UNSPECIFIED: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_FIRST_SEEN: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_LAST_SEEN: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_EVENTS: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_SESSIONS: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_PAGE_VIEWS: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_BROWSER: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_OS: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_DEVICE: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_COUNTRY: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
            FIELD_CITY: _ClassVar[ListPersonsRequest.ActivityFilter.Field]
        FIELD_UNSPECIFIED: ListPersonsRequest.ActivityFilter.Field
        FIELD_FIRST_SEEN: ListPersonsRequest.ActivityFilter.Field
        FIELD_LAST_SEEN: ListPersonsRequest.ActivityFilter.Field
        FIELD_EVENTS: ListPersonsRequest.ActivityFilter.Field
        FIELD_SESSIONS: ListPersonsRequest.ActivityFilter.Field
        FIELD_PAGE_VIEWS: ListPersonsRequest.ActivityFilter.Field
        FIELD_BROWSER: ListPersonsRequest.ActivityFilter.Field
        FIELD_OS: ListPersonsRequest.ActivityFilter.Field
        FIELD_DEVICE: ListPersonsRequest.ActivityFilter.Field
        FIELD_COUNTRY: ListPersonsRequest.ActivityFilter.Field
        FIELD_CITY: ListPersonsRequest.ActivityFilter.Field
        FIELD_FIELD_NUMBER: _ClassVar[int]
        OP_FIELD_NUMBER: _ClassVar[int]
        VALUES_FIELD_NUMBER: _ClassVar[int]
        field: ListPersonsRequest.ActivityFilter.Field
        op: _filter_pb2.Filter.Op
        values: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
        def __init__(self, field: _Optional[_Union[ListPersonsRequest.ActivityFilter.Field, str]] = ..., op: _Optional[_Union[_filter_pb2.Filter.Op, str]] = ..., values: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ...) -> None: ...
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filters: _filter_pb2.FilterGroup
    activity: _containers.RepeatedCompositeFieldContainer[ListPersonsRequest.ActivityFilter]
    search: str
    known: ListPersonsRequest.Known
    page_size: int
    page_token: str
    def __init__(self, filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., activity: _Optional[_Iterable[_Union[ListPersonsRequest.ActivityFilter, _Mapping]]] = ..., search: _Optional[str] = ..., known: _Optional[_Union[ListPersonsRequest.Known, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPersonsResponse(_message.Message):
    __slots__ = ("persons", "next_page_token")
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    persons: _containers.RepeatedCompositeFieldContainer[Person]
    next_page_token: str
    def __init__(self, persons: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "name", "distinct_id", "session_id", "occurred_at", "received_at", "properties", "person_id")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    distinct_id: str
    session_id: str
    occurred_at: _timestamp_pb2.Timestamp
    received_at: _timestamp_pb2.Timestamp
    properties: _struct_pb2.Struct
    person_id: str
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., distinct_id: _Optional[str] = ..., session_id: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., person_id: _Optional[str] = ...) -> None: ...

class EventFilter(_message.Message):
    __slots__ = ("to", "events", "filters", "session_id")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    to: _timestamp_pb2.Timestamp
    events: _containers.RepeatedCompositeFieldContainer[_filter_pb2.EventMatcher]
    filters: _filter_pb2.FilterGroup
    session_id: str
    def __init__(self, to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., events: _Optional[_Iterable[_Union[_filter_pb2.EventMatcher, _Mapping]]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., session_id: _Optional[str] = ..., **kwargs) -> None: ...

class ListPersonEventsRequest(_message.Message):
    __slots__ = ("person_id", "distinct_id", "external_id", "filter", "page_size", "page_token")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    distinct_id: str
    external_id: str
    filter: EventFilter
    page_size: int
    page_token: str
    def __init__(self, person_id: _Optional[str] = ..., distinct_id: _Optional[str] = ..., external_id: _Optional[str] = ..., filter: _Optional[_Union[EventFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPersonEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: EventFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[EventFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
