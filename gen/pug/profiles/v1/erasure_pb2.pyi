import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Erasure(_message.Message):
    __slots__ = ("id", "state", "step", "steps_done", "steps", "distinct_id_count", "requested_at", "finished_at", "failed_attempts", "error", "stores")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Erasure.State]
        STATE_PENDING: _ClassVar[Erasure.State]
        STATE_RUNNING: _ClassVar[Erasure.State]
        STATE_DONE: _ClassVar[Erasure.State]
        STATE_FAILED: _ClassVar[Erasure.State]
    STATE_UNSPECIFIED: Erasure.State
    STATE_PENDING: Erasure.State
    STATE_RUNNING: Erasure.State
    STATE_DONE: Erasure.State
    STATE_FAILED: Erasure.State
    class Step(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STEP_UNSPECIFIED: _ClassVar[Erasure.Step]
        STEP_SETTLING: _ClassVar[Erasure.Step]
        STEP_COUNTING: _ClassVar[Erasure.Step]
        STEP_EVENTS: _ClassVar[Erasure.Step]
        STEP_PEOPLE: _ClassVar[Erasure.Step]
        STEP_DEAD_LETTERS: _ClassVar[Erasure.Step]
        STEP_SESSIONS: _ClassVar[Erasure.Step]
        STEP_VERIFYING: _ClassVar[Erasure.Step]
        STEP_CERTIFYING: _ClassVar[Erasure.Step]
    STEP_UNSPECIFIED: Erasure.Step
    STEP_SETTLING: Erasure.Step
    STEP_COUNTING: Erasure.Step
    STEP_EVENTS: Erasure.Step
    STEP_PEOPLE: Erasure.Step
    STEP_DEAD_LETTERS: Erasure.Step
    STEP_SESSIONS: Erasure.Step
    STEP_VERIFYING: Erasure.Step
    STEP_CERTIFYING: Erasure.Step
    class Store(_message.Message):
        __slots__ = ("name", "before", "after")
        NAME_FIELD_NUMBER: _ClassVar[int]
        BEFORE_FIELD_NUMBER: _ClassVar[int]
        AFTER_FIELD_NUMBER: _ClassVar[int]
        name: str
        before: int
        after: int
        def __init__(self, name: _Optional[str] = ..., before: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_DONE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    FAILED_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: Erasure.State
    step: Erasure.Step
    steps_done: int
    steps: int
    distinct_id_count: int
    requested_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    failed_attempts: int
    error: str
    stores: _containers.RepeatedCompositeFieldContainer[Erasure.Store]
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[Erasure.State, str]] = ..., step: _Optional[_Union[Erasure.Step, str]] = ..., steps_done: _Optional[int] = ..., steps: _Optional[int] = ..., distinct_id_count: _Optional[int] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed_attempts: _Optional[int] = ..., error: _Optional[str] = ..., stores: _Optional[_Iterable[_Union[Erasure.Store, _Mapping]]] = ...) -> None: ...

class EraseDataSubjectRequest(_message.Message):
    __slots__ = ("person_id", "distinct_id", "external_id")
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    person_id: str
    distinct_id: str
    external_id: str
    def __init__(self, person_id: _Optional[str] = ..., distinct_id: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class EraseDataSubjectResponse(_message.Message):
    __slots__ = ("erasure",)
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    erasure: Erasure
    def __init__(self, erasure: _Optional[_Union[Erasure, _Mapping]] = ...) -> None: ...

class GetErasureRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetErasureResponse(_message.Message):
    __slots__ = ("erasure", "certificate")
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    erasure: Erasure
    certificate: str
    def __init__(self, erasure: _Optional[_Union[Erasure, _Mapping]] = ..., certificate: _Optional[str] = ...) -> None: ...

class ListErasuresRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListErasuresResponse(_message.Message):
    __slots__ = ("erasures", "next_page_token")
    ERASURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    erasures: _containers.RepeatedCompositeFieldContainer[Erasure]
    next_page_token: str
    def __init__(self, erasures: _Optional[_Iterable[_Union[Erasure, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetCertificateKeyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCertificateKeyResponse(_message.Message):
    __slots__ = ("public_key", "key_name")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    public_key: str
    key_name: str
    def __init__(self, public_key: _Optional[str] = ..., key_name: _Optional[str] = ...) -> None: ...
