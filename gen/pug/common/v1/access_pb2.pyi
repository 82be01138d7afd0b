from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_CAPTURE: _ClassVar[Scope]
    SCOPE_READ: _ClassVar[Scope]
    SCOPE_ADMIN: _ClassVar[Scope]
    SCOPE_EDIT: _ClassVar[Scope]
    SCOPE_PUBLIC: _ClassVar[Scope]
    SCOPE_ACCOUNT: _ClassVar[Scope]
    SCOPE_ORG_READ: _ClassVar[Scope]
    SCOPE_ORG_ADMIN: _ClassVar[Scope]
    SCOPE_ORG_OWNER: _ClassVar[Scope]
    SCOPE_SHARE: _ClassVar[Scope]
SCOPE_UNSPECIFIED: Scope
SCOPE_CAPTURE: Scope
SCOPE_READ: Scope
SCOPE_ADMIN: Scope
SCOPE_EDIT: Scope
SCOPE_PUBLIC: Scope
SCOPE_ACCOUNT: Scope
SCOPE_ORG_READ: Scope
SCOPE_ORG_ADMIN: Scope
SCOPE_ORG_OWNER: Scope
SCOPE_SHARE: Scope
SCOPE_FIELD_NUMBER: _ClassVar[int]
scope: _descriptor.FieldDescriptor
