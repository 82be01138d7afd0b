from pug.insights.v1 import breakdown_pb2 as _breakdown_pb2
from pug.insights.v1 import trends_pb2 as _trends_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Segmentation(_message.Message):
    __slots__ = ("series", "formulas", "breakdowns", "breakdown_limit")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    FORMULAS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[_trends_pb2.Trends.Series]
    formulas: _containers.RepeatedCompositeFieldContainer[_trends_pb2.Trends.Formula]
    breakdowns: _containers.RepeatedCompositeFieldContainer[_breakdown_pb2.Breakdown]
    breakdown_limit: int
    def __init__(self, series: _Optional[_Iterable[_Union[_trends_pb2.Trends.Series, _Mapping]]] = ..., formulas: _Optional[_Iterable[_Union[_trends_pb2.Trends.Formula, _Mapping]]] = ..., breakdowns: _Optional[_Iterable[_Union[_breakdown_pb2.Breakdown, _Mapping]]] = ..., breakdown_limit: _Optional[int] = ...) -> None: ...

class SegmentationResult(_message.Message):
    __slots__ = ("rows",)
    class Row(_message.Message):
        __slots__ = ("series", "cell", "value", "compare_value")
        SERIES_FIELD_NUMBER: _ClassVar[int]
        CELL_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        COMPARE_VALUE_FIELD_NUMBER: _ClassVar[int]
        series: str
        cell: _breakdown_pb2.Cell
        value: float
        compare_value: float
        def __init__(self, series: _Optional[str] = ..., cell: _Optional[_Union[_breakdown_pb2.Cell, _Mapping]] = ..., value: _Optional[float] = ..., compare_value: _Optional[float] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SegmentationResult.Row]
    def __init__(self, rows: _Optional[_Iterable[_Union[SegmentationResult.Row, _Mapping]]] = ...) -> None: ...
