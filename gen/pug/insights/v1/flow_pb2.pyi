import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from pug.insights.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Flow(_message.Message):
    __slots__ = ("unit", "node", "property", "groups", "start", "end", "scope", "max_hops", "max_nodes", "max_links", "link_value", "keep_repeats", "gap")
    class Unit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNIT_UNSPECIFIED: _ClassVar[Flow.Unit]
        UNIT_SESSION: _ClassVar[Flow.Unit]
        UNIT_PERSON: _ClassVar[Flow.Unit]
    UNIT_UNSPECIFIED: Flow.Unit
    UNIT_SESSION: Flow.Unit
    UNIT_PERSON: Flow.Unit
    class Node(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NODE_UNSPECIFIED: _ClassVar[Flow.Node]
        NODE_EVENT_NAME: _ClassVar[Flow.Node]
        NODE_PROPERTY: _ClassVar[Flow.Node]
    NODE_UNSPECIFIED: Flow.Node
    NODE_EVENT_NAME: Flow.Node
    NODE_PROPERTY: Flow.Node
    class LinkValue(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LINK_VALUE_UNSPECIFIED: _ClassVar[Flow.LinkValue]
        LINK_VALUE_UNITS: _ClassVar[Flow.LinkValue]
        LINK_VALUE_TRANSITIONS: _ClassVar[Flow.LinkValue]
    LINK_VALUE_UNSPECIFIED: Flow.LinkValue
    LINK_VALUE_UNITS: Flow.LinkValue
    LINK_VALUE_TRANSITIONS: Flow.LinkValue
    class Group(_message.Message):
        __slots__ = ("pattern", "label")
        PATTERN_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        pattern: str
        label: str
        def __init__(self, pattern: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...
    UNIT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MAX_HOPS_FIELD_NUMBER: _ClassVar[int]
    MAX_NODES_FIELD_NUMBER: _ClassVar[int]
    MAX_LINKS_FIELD_NUMBER: _ClassVar[int]
    LINK_VALUE_FIELD_NUMBER: _ClassVar[int]
    KEEP_REPEATS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    unit: Flow.Unit
    node: Flow.Node
    property: str
    groups: _containers.RepeatedCompositeFieldContainer[Flow.Group]
    start: str
    end: str
    scope: _filter_pb2.EventMatcher
    max_hops: int
    max_nodes: int
    max_links: int
    link_value: Flow.LinkValue
    keep_repeats: bool
    gap: _duration_pb2.Duration
    def __init__(self, unit: _Optional[_Union[Flow.Unit, str]] = ..., node: _Optional[_Union[Flow.Node, str]] = ..., property: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[Flow.Group, _Mapping]]] = ..., start: _Optional[str] = ..., end: _Optional[str] = ..., scope: _Optional[_Union[_filter_pb2.EventMatcher, _Mapping]] = ..., max_hops: _Optional[int] = ..., max_nodes: _Optional[int] = ..., max_links: _Optional[int] = ..., link_value: _Optional[_Union[Flow.LinkValue, str]] = ..., keep_repeats: _Optional[bool] = ..., gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FlowResult(_message.Message):
    __slots__ = ("nodes", "links")
    class Node(_message.Message):
        __slots__ = ("id", "label", "hop", "others", "value")
        ID_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        HOP_FIELD_NUMBER: _ClassVar[int]
        OTHERS_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        id: int
        label: str
        hop: int
        others: bool
        value: int
        def __init__(self, id: _Optional[int] = ..., label: _Optional[str] = ..., hop: _Optional[int] = ..., others: _Optional[bool] = ..., value: _Optional[int] = ...) -> None: ...
    class Link(_message.Message):
        __slots__ = ("source", "target", "value")
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        TARGET_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        source: int
        target: int
        value: int
        def __init__(self, source: _Optional[int] = ..., target: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    NODES_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[FlowResult.Node]
    links: _containers.RepeatedCompositeFieldContainer[FlowResult.Link]
    def __init__(self, nodes: _Optional[_Iterable[_Union[FlowResult.Node, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[FlowResult.Link, _Mapping]]] = ...) -> None: ...
