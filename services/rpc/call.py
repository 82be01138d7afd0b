"""Who is calling, and for which project: what every RPC is told beside its request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

_Value = TypeVar("_Value")


class Scope(StrEnum):
    """What a credential may do; the names of `pug.common.v1.Scope`, as stored with a key."""

    CAPTURE = "capture"
    READ = "read"
    EDIT = "edit"
    ADMIN = "admin"
    PUBLIC = "public"
    ACCOUNT = "account"
    ORG_READ = "org_read"
    ORG_ADMIN = "org_admin"
    ORG_OWNER = "org_owner"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Project:
    """The project a credential belongs to."""

    id: int
    time_zone: str
    # Of how many months its events are kept; None for all. Known of those who may send events.
    retention_months: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has signed in, and with which sign-in."""

    id: UUID
    email: str
    session_id: UUID


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, a session or a share token that works, and what it may do; or nobody's, which may do what anybody may."""

    # By this what it takes is counted: the id of the key, the account or the dashboard; of nobody in particular, `peer:` and an address.
    key_id: str
    # None where the call is about no project: somebody signed in who named none, or nobody.
    project: Project | None
    scopes: frozenset[Scope]
    account: Account | None = None
    # The org the call is about, if any.
    org_id: int | None = None
    # The one dashboard a share token shows.
    dashboard_id: UUID | None = None
    # From then on it doesn't work, however long it is remembered.
    expires_at: datetime | None = None


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
    # Where it comes from, as the client's address behind proxies; of IPv6 its network. Empty when unknown.
    peer: str = field(default="", repr=False)

    @property
    def project(self) -> Project:
        """The project this call is about; only for RPCs whose scope is a project's, which the gate admits with one only."""
        return _present(self.credential.project)

    @property
    def account(self) -> Account:
        """Who has signed in; only for RPCs whose scope is an account's or an org's."""
        return _present(self.credential.account)

    @property
    def org_id(self) -> int:
        """The org this call is about; only for RPCs whose scope is an org's."""
        return _present(self.credential.org_id)


def _present(value: _Value | None) -> _Value:
    if value is None:
        msg = "the RPC declares a scope that doesn't go with what its handler asks of the call"
        raise RuntimeError(msg)
    return value
