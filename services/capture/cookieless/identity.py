"""Who a cookieless visitor is: derived, so that whoever has only the id and not the day's salt can never tell."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv6Address, ip_address

from services.capture.rules import COOKIELESS

SALT_BYTES = 32
_ID_BYTES = 16
_DAY_MS = 86_400_000
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody for one day in one project."""

    project_id: int
    distinct_id: str

    @property
    def key(self) -> str:
        """A name that is theirs alone."""
        return f"{self.project_id}.{self.distinct_id.removeprefix(COOKIELESS)}"


def visitor_of(salt: bytes, project_id: int, address: bytes, user_agent: str) -> Visitor:
    """The visitor behind a packed address and a user agent."""
    told_apart_by = (str(project_id).encode(), address, user_agent.encode("utf-8", "backslashreplace"))
    return Visitor(project_id, COOKIELESS + _derived(salt, told_apart_by))


def session_of(salt: bytes, visitor: Visitor, name: str) -> str:
    """The id of the visitor's session of a name."""
    return _derived(salt, (b"session", visitor.key.encode(), name.encode()))


def packed(address: str) -> bytes | None:
    """The 4 or 16 bytes of an address, IPv4 also where it comes as IPv6, without its zone; None when it isn't one."""
    try:
        known = ip_address(address.strip())
    except ValueError:
        return None
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return (mapped or known).packed


def day_of(ms: int) -> date:
    """The UTC date of a time in Unix milliseconds."""
    return _FIRST_DAY + timedelta(days=ms // _DAY_MS)


def last_instant(day: date) -> datetime:
    """When a day's salt has to be gone: from then on no event of the day is accepted."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=2)


def is_accepted(day: date, now: datetime) -> bool:
    """Whether events of a day are accepted: of today and yesterday."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=1) <= day <= today


def _derived(salt: bytes, parts: tuple[bytes, ...]) -> str:
    digest = hmac.digest(salt, b"\0".join(parts), "sha256")
    return urlsafe_b64encode(digest[:_ID_BYTES]).rstrip(b"=").decode()
