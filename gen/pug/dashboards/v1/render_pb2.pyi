import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.common.v1 import error_info_pb2 as _error_info_pb2
from pug.dashboards.v1 import dashboard_pb2 as _dashboard_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import insights_pb2 as _insights_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RenderDashboardRequest(_message.Message):
    __slots__ = ("id", "window", "filters", "tile_ids")
    ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    TILE_IDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    window: _dashboard_pb2.Window
    filters: _filter_pb2.FilterGroup
    tile_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., window: _Optional[_Union[_dashboard_pb2.Window, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., tile_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RenderDashboardResponse(_message.Message):
    __slots__ = ("board", "tile")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    TILE_FIELD_NUMBER: _ClassVar[int]
    board: RenderedBoard
    tile: RenderedTile
    def __init__(self, board: _Optional[_Union[RenderedBoard, _Mapping]] = ..., tile: _Optional[_Union[RenderedTile, _Mapping]] = ...) -> None: ...

class RenderedBoard(_message.Message):
    __slots__ = ("dashboard", "tiles", "time_range", "granularity", "time_zone", "resolved_at")
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    dashboard: _dashboard_pb2.Dashboard
    tiles: int
    time_range: _insights_pb2.TimeRange
    granularity: _granularity_pb2.Granularity
    time_zone: str
    resolved_at: _timestamp_pb2.Timestamp
    def __init__(self, dashboard: _Optional[_Union[_dashboard_pb2.Dashboard, _Mapping]] = ..., tiles: _Optional[int] = ..., time_range: _Optional[_Union[_insights_pb2.TimeRange, _Mapping]] = ..., granularity: _Optional[_Union[_granularity_pb2.Granularity, str]] = ..., time_zone: _Optional[str] = ..., resolved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RenderedTile(_message.Message):
    __slots__ = ("id", "answer", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    answer: _insights_pb2.QueryResponse
    error: TileError
    def __init__(self, id: _Optional[str] = ..., answer: _Optional[_Union[_insights_pb2.QueryResponse, _Mapping]] = ..., error: _Optional[_Union[TileError, _Mapping]] = ...) -> None: ...

class TileError(_message.Message):
    __slots__ = ("code", "message", "info")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    info: _error_info_pb2.ErrorInfo
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., info: _Optional[_Union[_error_info_pb2.ErrorInfo, _Mapping]] = ...) -> None: ...

class RenderSharedDashboardRequest(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: _dashboard_pb2.Window
    def __init__(self, window: _Optional[_Union[_dashboard_pb2.Window, _Mapping]] = ...) -> None: ...

class RenderSharedDashboardResponse(_message.Message):
    __slots__ = ("board", "tile")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    TILE_FIELD_NUMBER: _ClassVar[int]
    board: RenderedBoard
    tile: RenderedTile
    def __init__(self, board: _Optional[_Union[RenderedBoard, _Mapping]] = ..., tile: _Optional[_Union[RenderedTile, _Mapping]] = ...) -> None: ...
