from pug.insights.v1 import insights_pb2 as _insights_pb2
from pug.insights.v1 import granularity_pb2 as _granularity_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tile(_message.Message):
    __slots__ = ("id", "name", "description", "position", "insight", "saved_insight_id", "markdown", "view_mode", "compare", "thresholds", "header", "axes")
    class ViewMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VIEW_MODE_UNSPECIFIED: _ClassVar[Tile.ViewMode]
        VIEW_MODE_LINE: _ClassVar[Tile.ViewMode]
        VIEW_MODE_AREA: _ClassVar[Tile.ViewMode]
        VIEW_MODE_BAR_GROUPED: _ClassVar[Tile.ViewMode]
        VIEW_MODE_BAR_STACKED: _ClassVar[Tile.ViewMode]
        VIEW_MODE_TABLE: _ClassVar[Tile.ViewMode]
        VIEW_MODE_KPI: _ClassVar[Tile.ViewMode]
        VIEW_MODE_PIE: _ClassVar[Tile.ViewMode]
        VIEW_MODE_SANKEY: _ClassVar[Tile.ViewMode]
        VIEW_MODE_FUNNEL: _ClassVar[Tile.ViewMode]
        VIEW_MODE_RETENTION_GRID: _ClassVar[Tile.ViewMode]
        VIEW_MODE_HEAT_MAP: _ClassVar[Tile.ViewMode]
    VIEW_MODE_UNSPECIFIED: Tile.ViewMode
    VIEW_MODE_LINE: Tile.ViewMode
    VIEW_MODE_AREA: Tile.ViewMode
    VIEW_MODE_BAR_GROUPED: Tile.ViewMode
    VIEW_MODE_BAR_STACKED: Tile.ViewMode
    VIEW_MODE_TABLE: Tile.ViewMode
    VIEW_MODE_KPI: Tile.ViewMode
    VIEW_MODE_PIE: Tile.ViewMode
    VIEW_MODE_SANKEY: Tile.ViewMode
    VIEW_MODE_FUNNEL: Tile.ViewMode
    VIEW_MODE_RETENTION_GRID: Tile.ViewMode
    VIEW_MODE_HEAT_MAP: Tile.ViewMode
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    INSIGHT_FIELD_NUMBER: _ClassVar[int]
    SAVED_INSIGHT_ID_FIELD_NUMBER: _ClassVar[int]
    MARKDOWN_FIELD_NUMBER: _ClassVar[int]
    VIEW_MODE_FIELD_NUMBER: _ClassVar[int]
    COMPARE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    AXES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    position: Position
    insight: _insights_pb2.Insight
    saved_insight_id: str
    markdown: str
    view_mode: Tile.ViewMode
    compare: _insights_pb2.Compare
    thresholds: _containers.RepeatedCompositeFieldContainer[Threshold]
    header: Header
    axes: Axes
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., position: _Optional[_Union[Position, _Mapping]] = ..., insight: _Optional[_Union[_insights_pb2.Insight, _Mapping]] = ..., saved_insight_id: _Optional[str] = ..., markdown: _Optional[str] = ..., view_mode: _Optional[_Union[Tile.ViewMode, str]] = ..., compare: _Optional[_Union[_insights_pb2.Compare, _Mapping]] = ..., thresholds: _Optional[_Iterable[_Union[Threshold, _Mapping]]] = ..., header: _Optional[_Union[Header, _Mapping]] = ..., axes: _Optional[_Union[Axes, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Threshold(_message.Message):
    __slots__ = ("op", "value", "tone")
    class Op(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OP_UNSPECIFIED: _ClassVar[Threshold.Op]
        OP_LT: _ClassVar[Threshold.Op]
        OP_LTE: _ClassVar[Threshold.Op]
        OP_GT: _ClassVar[Threshold.Op]
        OP_GTE: _ClassVar[Threshold.Op]
    OP_UNSPECIFIED: Threshold.Op
    OP_LT: Threshold.Op
    OP_LTE: Threshold.Op
    OP_GT: Threshold.Op
    OP_GTE: Threshold.Op
    class Tone(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TONE_UNSPECIFIED: _ClassVar[Threshold.Tone]
        TONE_GOOD: _ClassVar[Threshold.Tone]
        TONE_WARN: _ClassVar[Threshold.Tone]
        TONE_BAD: _ClassVar[Threshold.Tone]
    TONE_UNSPECIFIED: Threshold.Tone
    TONE_GOOD: Threshold.Tone
    TONE_WARN: Threshold.Tone
    TONE_BAD: Threshold.Tone
    OP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TONE_FIELD_NUMBER: _ClassVar[int]
    op: Threshold.Op
    value: float
    tone: Threshold.Tone
    def __init__(self, op: _Optional[_Union[Threshold.Op, str]] = ..., value: _Optional[float] = ..., tone: _Optional[_Union[Threshold.Tone, str]] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("icon", "accent", "hide_title", "borderless")
    class Accent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACCENT_UNSPECIFIED: _ClassVar[Header.Accent]
        ACCENT_BLUE: _ClassVar[Header.Accent]
        ACCENT_GREEN: _ClassVar[Header.Accent]
        ACCENT_RED: _ClassVar[Header.Accent]
        ACCENT_AMBER: _ClassVar[Header.Accent]
        ACCENT_PURPLE: _ClassVar[Header.Accent]
        ACCENT_GRAY: _ClassVar[Header.Accent]
    ACCENT_UNSPECIFIED: Header.Accent
    ACCENT_BLUE: Header.Accent
    ACCENT_GREEN: Header.Accent
    ACCENT_RED: Header.Accent
    ACCENT_AMBER: Header.Accent
    ACCENT_PURPLE: Header.Accent
    ACCENT_GRAY: Header.Accent
    ICON_FIELD_NUMBER: _ClassVar[int]
    ACCENT_FIELD_NUMBER: _ClassVar[int]
    HIDE_TITLE_FIELD_NUMBER: _ClassVar[int]
    BORDERLESS_FIELD_NUMBER: _ClassVar[int]
    icon: str
    accent: Header.Accent
    hide_title: bool
    borderless: bool
    def __init__(self, icon: _Optional[str] = ..., accent: _Optional[_Union[Header.Accent, str]] = ..., hide_title: _Optional[bool] = ..., borderless: _Optional[bool] = ...) -> None: ...

class Axes(_message.Message):
    __slots__ = ("format", "prefix", "suffix", "logarithmic", "from_zero", "legend", "show_values")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[Axes.Format]
        FORMAT_PERCENT: _ClassVar[Axes.Format]
        FORMAT_DURATION: _ClassVar[Axes.Format]
        FORMAT_COMPACT: _ClassVar[Axes.Format]
    FORMAT_UNSPECIFIED: Axes.Format
    FORMAT_PERCENT: Axes.Format
    FORMAT_DURATION: Axes.Format
    FORMAT_COMPACT: Axes.Format
    class Legend(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LEGEND_UNSPECIFIED: _ClassVar[Axes.Legend]
        LEGEND_RIGHT: _ClassVar[Axes.Legend]
        LEGEND_TOP: _ClassVar[Axes.Legend]
        LEGEND_HIDDEN: _ClassVar[Axes.Legend]
    LEGEND_UNSPECIFIED: Axes.Legend
    LEGEND_RIGHT: Axes.Legend
    LEGEND_TOP: Axes.Legend
    LEGEND_HIDDEN: Axes.Legend
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    SUFFIX_FIELD_NUMBER: _ClassVar[int]
    LOGARITHMIC_FIELD_NUMBER: _ClassVar[int]
    FROM_ZERO_FIELD_NUMBER: _ClassVar[int]
    LEGEND_FIELD_NUMBER: _ClassVar[int]
    SHOW_VALUES_FIELD_NUMBER: _ClassVar[int]
    format: Axes.Format
    prefix: str
    suffix: str
    logarithmic: bool
    from_zero: bool
    legend: Axes.Legend
    show_values: bool
    def __init__(self, format: _Optional[_Union[Axes.Format, str]] = ..., prefix: _Optional[str] = ..., suffix: _Optional[str] = ..., logarithmic: _Optional[bool] = ..., from_zero: _Optional[bool] = ..., legend: _Optional[_Union[Axes.Legend, str]] = ..., show_values: _Optional[bool] = ...) -> None: ...
