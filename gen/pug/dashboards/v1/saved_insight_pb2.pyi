import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.insights.v1 import insights_pb2 as _insights_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SavedInsight(_message.Message):
    __slots__ = ("id", "name", "description", "insight", "version", "created_at", "updated_at", "dashboards")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    DASHBOARDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    insight: _insights_pb2.Insight
    version: int
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    dashboards: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., insight: _Optional[_Union[_insights_pb2.Insight, _Mapping]] = ..., version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dashboards: _Optional[int] = ...) -> None: ...

class CreateSavedInsightRequest(_message.Message):
    __slots__ = ("name", "description", "insight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    insight: _insights_pb2.Insight
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., insight: _Optional[_Union[_insights_pb2.Insight, _Mapping]] = ...) -> None: ...

class CreateSavedInsightResponse(_message.Message):
    __slots__ = ("saved_insight",)
    SAVED_INSIGHT_FIELD_NUMBER: _ClassVar[int]
    saved_insight: SavedInsight
    def __init__(self, saved_insight: _Optional[_Union[SavedInsight, _Mapping]] = ...) -> None: ...

class ListSavedInsightsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSavedInsightsResponse(_message.Message):
    __slots__ = ("saved_insights", "next_page_token")
    SAVED_INSIGHTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    saved_insights: _containers.RepeatedCompositeFieldContainer[SavedInsight]
    next_page_token: str
    def __init__(self, saved_insights: _Optional[_Iterable[_Union[SavedInsight, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateSavedInsightRequest(_message.Message):
    __slots__ = ("id", "version", "name", "description", "insight")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    name: str
    description: str
    insight: _insights_pb2.Insight
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., insight: _Optional[_Union[_insights_pb2.Insight, _Mapping]] = ...) -> None: ...

class UpdateSavedInsightResponse(_message.Message):
    __slots__ = ("saved_insight",)
    SAVED_INSIGHT_FIELD_NUMBER: _ClassVar[int]
    saved_insight: SavedInsight
    def __init__(self, saved_insight: _Optional[_Union[SavedInsight, _Mapping]] = ...) -> None: ...

class DeleteSavedInsightRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteSavedInsightResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
