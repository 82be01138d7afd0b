from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_UNSPECIFIED: _ClassVar[Source]
    SOURCE_EVENT: _ClassVar[Source]
    SOURCE_PERSON: _ClassVar[Source]
    SOURCE_SESSION: _ClassVar[Source]
SOURCE_UNSPECIFIED: Source
SOURCE_EVENT: Source
SOURCE_PERSON: Source
SOURCE_SESSION: Source

class Filter(_message.Message):
    __slots__ = ("property", "source", "op", "values")
    class Op(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OP_UNSPECIFIED: _ClassVar[Filter.Op]
        OP_IS: _ClassVar[Filter.Op]
        OP_IS_NOT: _ClassVar[Filter.Op]
        OP_CONTAINS: _ClassVar[Filter.Op]
        OP_NOT_CONTAINS: _ClassVar[Filter.Op]
        OP_STARTS_WITH: _ClassVar[Filter.Op]
        OP_ENDS_WITH: _ClassVar[Filter.Op]
        OP_MATCHES: _ClassVar[Filter.Op]
        OP_NOT_MATCHES: _ClassVar[Filter.Op]
        OP_IS_SET: _ClassVar[Filter.Op]
        OP_IS_NOT_SET: _ClassVar[Filter.Op]
        OP_LT: _ClassVar[Filter.Op]
        OP_LTE: _ClassVar[Filter.Op]
        OP_GT: _ClassVar[Filter.Op]
        OP_GTE: _ClassVar[Filter.Op]
        OP_BETWEEN: _ClassVar[Filter.Op]
        OP_NOT_BETWEEN: _ClassVar[Filter.Op]
        OP_BEFORE: _ClassVar[Filter.Op]
        OP_AFTER: _ClassVar[Filter.Op]
        OP_IN_LAST: _ClassVar[Filter.Op]
    OP_UNSPECIFIED: Filter.Op
    OP_IS: Filter.Op
    OP_IS_NOT: Filter.Op
    OP_CONTAINS: Filter.Op
    OP_NOT_CONTAINS: Filter.Op
    OP_STARTS_WITH: Filter.Op
    OP_ENDS_WITH: Filter.Op
    OP_MATCHES: Filter.Op
    OP_NOT_MATCHES: Filter.Op
    OP_IS_SET: Filter.Op
    OP_IS_NOT_SET: Filter.Op
    OP_LT: Filter.Op
    OP_LTE: Filter.Op
    OP_GT: Filter.Op
    OP_GTE: Filter.Op
    OP_BETWEEN: Filter.Op
    OP_NOT_BETWEEN: Filter.Op
    OP_BEFORE: Filter.Op
    OP_AFTER: Filter.Op
    OP_IN_LAST: Filter.Op
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    property: str
    source: Source
    op: Filter.Op
    values: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    def __init__(self, property: _Optional[str] = ..., source: _Optional[_Union[Source, str]] = ..., op: _Optional[_Union[Filter.Op, str]] = ..., values: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ...) -> None: ...

class FilterGroup(_message.Message):
    __slots__ = ("match", "filters", "groups")
    class Match(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MATCH_UNSPECIFIED: _ClassVar[FilterGroup.Match]
        MATCH_ALL: _ClassVar[FilterGroup.Match]
        MATCH_ANY: _ClassVar[FilterGroup.Match]
    MATCH_UNSPECIFIED: FilterGroup.Match
    MATCH_ALL: FilterGroup.Match
    MATCH_ANY: FilterGroup.Match
    MATCH_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    match: FilterGroup.Match
    filters: _containers.RepeatedCompositeFieldContainer[Filter]
    groups: _containers.RepeatedCompositeFieldContainer[FilterGroup]
    def __init__(self, match: _Optional[_Union[FilterGroup.Match, str]] = ..., filters: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[FilterGroup, _Mapping]]] = ...) -> None: ...

class EventMatcher(_message.Message):
    __slots__ = ("name", "filters")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    filters: _containers.RepeatedCompositeFieldContainer[Filter]
    def __init__(self, name: _Optional[str] = ..., filters: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ...) -> None: ...
