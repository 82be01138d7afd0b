from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Metric(_message.Message):
    __slots__ = ("kind", "property")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Metric.Kind]
        KIND_TOTAL: _ClassVar[Metric.Kind]
        KIND_PERSONS: _ClassVar[Metric.Kind]
        KIND_SESSIONS: _ClassVar[Metric.Kind]
        KIND_PER_PERSON: _ClassVar[Metric.Kind]
        KIND_SUM: _ClassVar[Metric.Kind]
        KIND_AVG: _ClassVar[Metric.Kind]
        KIND_MIN: _ClassVar[Metric.Kind]
        KIND_MAX: _ClassVar[Metric.Kind]
        KIND_MEDIAN: _ClassVar[Metric.Kind]
        KIND_P90: _ClassVar[Metric.Kind]
        KIND_P95: _ClassVar[Metric.Kind]
        KIND_P99: _ClassVar[Metric.Kind]
        KIND_ACTIVE_7D: _ClassVar[Metric.Kind]
        KIND_ACTIVE_30D: _ClassVar[Metric.Kind]
    KIND_UNSPECIFIED: Metric.Kind
    KIND_TOTAL: Metric.Kind
    KIND_PERSONS: Metric.Kind
    KIND_SESSIONS: Metric.Kind
    KIND_PER_PERSON: Metric.Kind
    KIND_SUM: Metric.Kind
    KIND_AVG: Metric.Kind
    KIND_MIN: Metric.Kind
    KIND_MAX: Metric.Kind
    KIND_MEDIAN: Metric.Kind
    KIND_P90: Metric.Kind
    KIND_P95: Metric.Kind
    KIND_P99: Metric.Kind
    KIND_ACTIVE_7D: Metric.Kind
    KIND_ACTIVE_30D: Metric.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    kind: Metric.Kind
    property: str
    def __init__(self, kind: _Optional[_Union[Metric.Kind, str]] = ..., property: _Optional[str] = ...) -> None: ...
