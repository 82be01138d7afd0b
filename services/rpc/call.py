"""Who is calling, and for which project: what every RPC is told beside its request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Scope(StrEnum):
    """What a credential may do; the names of `pug.common.v1.Scope`, as stored with a key."""

    CAPTURE = "capture"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Project:
    """The project a credential belongs to."""

    id: int
    time_zone: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A key that works, and what it may do."""

    key_id: str
    project: Project
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request, as far as its connection and its headers tell. None of it shows in a log: it holds addresses and keys."""

    # The IP address at the other end of the connection, a proxy's when there is one before Pug; empty when unknown.
    peer: str = field(default="", repr=False)
    # Names are lower-case; of headers that came twice the values are joined by commas.
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def _free(_events: int) -> timedelta:
    return timedelta()


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC in progress. The project comes from the credential, never from a request's body."""

    credential: Credential
    request_id: str
    # Seconds the caller is still willing to wait; None when it didn't say.
    timeout_s: float | None = None
    sender: Sender = field(default_factory=Sender)
    # Counts the events a call brought, good or bad, against its key's rate; returns for how long the key is over it.
    charge: Callable[[int], timedelta] = _free

    @property
    def project(self) -> Project:
        """The project this call is about."""
        return self.credential.project
