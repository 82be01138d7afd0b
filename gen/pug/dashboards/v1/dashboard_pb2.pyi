import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pug.dashboards.v1 import tile_pb2 as _tile_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from pug.insights.v1 import insights_pb2 as _insights_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Window(_message.Message):
    __slots__ = ("preset", "time_range", "granularity")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    TIME_RANGE_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    preset: _insights_pb2.Preset
    time_range: _insights_pb2.TimeRange
    granularity: _granularity_pb2.Granularity
    def __init__(self, preset: _Optional[_Union[_insights_pb2.Preset, str]] = ..., time_range: _Optional[_Union[_insights_pb2.TimeRange, _Mapping]] = ..., granularity: _Optional[_Union[_granularity_pb2.Granularity, str]] = ...) -> None: ...

class Dashboard(_message.Message):
    __slots__ = ("id", "name", "description", "window", "filters", "week_start", "tiles", "version", "created_at", "updated_at", "share")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    window: Window
    filters: _filter_pb2.FilterGroup
    week_start: _insights_pb2.WeekStart
    tiles: _containers.RepeatedCompositeFieldContainer[_tile_pb2.Tile]
    version: int
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    share: Share
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., week_start: _Optional[_Union[_insights_pb2.WeekStart, str]] = ..., tiles: _Optional[_Iterable[_Union[_tile_pb2.Tile, _Mapping]]] = ..., version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., share: _Optional[_Union[Share, _Mapping]] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("created_at", "expires_at", "choose_window", "show_traits")
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CHOOSE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    SHOW_TRAITS_FIELD_NUMBER: _ClassVar[int]
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    choose_window: bool
    show_traits: bool
    def __init__(self, created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., choose_window: _Optional[bool] = ..., show_traits: _Optional[bool] = ...) -> None: ...

class CreateDashboardRequest(_message.Message):
    __slots__ = ("name", "description", "window", "filters", "week_start", "tiles")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    window: Window
    filters: _filter_pb2.FilterGroup
    week_start: _insights_pb2.WeekStart
    tiles: _containers.RepeatedCompositeFieldContainer[_tile_pb2.Tile]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., week_start: _Optional[_Union[_insights_pb2.WeekStart, str]] = ..., tiles: _Optional[_Iterable[_Union[_tile_pb2.Tile, _Mapping]]] = ...) -> None: ...

class CreateDashboardResponse(_message.Message):
    __slots__ = ("dashboard",)
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    dashboard: Dashboard
    def __init__(self, dashboard: _Optional[_Union[Dashboard, _Mapping]] = ...) -> None: ...

class GetDashboardRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetDashboardResponse(_message.Message):
    __slots__ = ("dashboard",)
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    dashboard: Dashboard
    def __init__(self, dashboard: _Optional[_Union[Dashboard, _Mapping]] = ...) -> None: ...

class ListDashboardsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDashboardsResponse(_message.Message):
    __slots__ = ("dashboards", "next_page_token")
    DASHBOARDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dashboards: _containers.RepeatedCompositeFieldContainer[Dashboard]
    next_page_token: str
    def __init__(self, dashboards: _Optional[_Iterable[_Union[Dashboard, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateDashboardRequest(_message.Message):
    __slots__ = ("id", "version", "name", "description", "window", "filters", "week_start")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    name: str
    description: str
    window: Window
    filters: _filter_pb2.FilterGroup
    week_start: _insights_pb2.WeekStart
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., week_start: _Optional[_Union[_insights_pb2.WeekStart, str]] = ...) -> None: ...

class UpdateDashboardResponse(_message.Message):
    __slots__ = ("dashboard",)
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    dashboard: Dashboard
    def __init__(self, dashboard: _Optional[_Union[Dashboard, _Mapping]] = ...) -> None: ...

class DeleteDashboardRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteDashboardResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetTilesRequest(_message.Message):
    __slots__ = ("id", "version", "tiles")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    tiles: _containers.RepeatedCompositeFieldContainer[_tile_pb2.Tile]
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., tiles: _Optional[_Iterable[_Union[_tile_pb2.Tile, _Mapping]]] = ...) -> None: ...

class SetTilesResponse(_message.Message):
    __slots__ = ("dashboard",)
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    dashboard: Dashboard
    def __init__(self, dashboard: _Optional[_Union[Dashboard, _Mapping]] = ...) -> None: ...

class ShareDashboardRequest(_message.Message):
    __slots__ = ("id", "expires_at", "choose_window", "show_traits")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CHOOSE_WINDOW_FIELD_NUMBER: _ClassVar[int]
    SHOW_TRAITS_FIELD_NUMBER: _ClassVar[int]
    id: str
    expires_at: _timestamp_pb2.Timestamp
    choose_window: bool
    show_traits: bool
    def __init__(self, id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., choose_window: _Optional[bool] = ..., show_traits: _Optional[bool] = ...) -> None: ...

class ShareDashboardResponse(_message.Message):
    __slots__ = ("token", "share")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    token: str
    share: Share
    def __init__(self, token: _Optional[str] = ..., share: _Optional[_Union[Share, _Mapping]] = ...) -> None: ...

class UnshareDashboardRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class UnshareDashboardResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportedDashboard(_message.Message):
    __slots__ = ("format", "name", "description", "window", "filters", "week_start", "tiles")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    WEEK_START_FIELD_NUMBER: _ClassVar[int]
    TILES_FIELD_NUMBER: _ClassVar[int]
    format: int
    name: str
    description: str
    window: Window
    filters: _filter_pb2.FilterGroup
    week_start: _insights_pb2.WeekStart
    tiles: _containers.RepeatedCompositeFieldContainer[_tile_pb2.Tile]
    def __init__(self, format: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., window: _Optional[_Union[Window, _Mapping]] = ..., filters: _Optional[_Union[_filter_pb2.FilterGroup, _Mapping]] = ..., week_start: _Optional[_Union[_insights_pb2.WeekStart, str]] = ..., tiles: _Optional[_Iterable[_Union[_tile_pb2.Tile, _Mapping]]] = ...) -> None: ...

class ExportDashboardRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ExportDashboardResponse(_message.Message):
    __slots__ = ("board",)
    BOARD_FIELD_NUMBER: _ClassVar[int]
    board: ExportedDashboard
    def __init__(self, board: _Optional[_Union[ExportedDashboard, _Mapping]] = ...) -> None: ...

class ImportDashboardRequest(_message.Message):
    __slots__ = ("board",)
    BOARD_FIELD_NUMBER: _ClassVar[int]
    board: ExportedDashboard
    def __init__(self, board: _Optional[_Union[ExportedDashboard, _Mapping]] = ...) -> None: ...

class ImportDashboardResponse(_message.Message):
    __slots__ = ("dashboard",)
    DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    dashboard: Dashboard
    def __init__(self, dashboard: _Optional[_Union[Dashboard, _Mapping]] = ...) -> None: ...
