"""What an event has to be, the same for every format it comes in."""

import re
from datetime import UTC, datetime
from typing import cast

from core.errors import InvalidArgument
from core.words import counted
from services.capture.batch import Reason
from services.capture.placeholders import NIL_UUID, is_placeholder

MAX_NAME = 200
MAX_KEY = 200
MAX_TEXT = 8_192
MAX_PROPERTIES = 256
MAX_PROPERTIES_BYTES = 64 * 1024
# The properties object is level 1, and each object or list inside adds one.
MAX_DEPTH = 5
# Set by us from what we know of the request; what a client says about them is dropped.
SERVER_OWNED = frozenset(
    {
        *("$country", "$region", "$city", "$continent", "$postal_code", "$latitude", "$longitude", "$timezone", "$ip"),
        *("$bot", "$bot_name", "$channel", "$referrer_domain"),
    },
)

# Ids that begin so are derived by us (services/capture/cookieless).
COOKIELESS = "cookieless-"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_is_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_is_hex = re.compile(r"[0-9a-f]{32}").fullmatch
_RFC_3339 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})",
)
_SHOWN_KEY = 50
# Up to here a float is an integer and nothing else.
_MAX_SAFE = 2.0**53


class Refused(Exception):
    """One event may not pass; its neighbours may."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        """`field` is a JSON path inside the event; `message` says what is wrong, and the fix."""
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.message = message


def check_identity(name: str, distinct_id: str, session_id: str) -> None:
    """Refuse an event that doesn't say what happened, or to whom."""
    if not name or name.isspace():
        raise Refused(Reason.NAME_MISSING, "name", "The event has no name. Say what happened, such as `signed_up`.")
    if len(name) > MAX_NAME:
        raise Refused(Reason.NAME_TOO_LONG, "name", f"The name has {len(name):,} characters; at most {MAX_NAME} are allowed.")
    if not distinct_id:
        raise Refused(Reason.DISTINCT_ID_MISSING, "distinctId", "The event has no distinct id. Say who did it.")
    if len(distinct_id) > MAX_NAME:
        message = f"The distinct id has {len(distinct_id):,} characters; at most {MAX_NAME} are allowed."
        raise Refused(Reason.DISTINCT_ID_TOO_LONG, "distinctId", message)
    if is_placeholder(distinct_id):
        message = "The distinct id is a placeholder, not somebody. Send an id of this person or device, such as a random UUID you keep."
        raise Refused(Reason.PLACEHOLDER_DISTINCT_ID, "distinctId", message)
    # Its first letter alone tells of most that they don't, at half the cost.
    if distinct_id[0] == COOKIELESS[0] and distinct_id.startswith(COOKIELESS):
        message = f"Distinct ids that begin with `{COOKIELESS}` are made by Pug. Send another, or none and `cookieless: true`."
        raise Refused(Reason.RESERVED_DISTINCT_ID, "distinctId", message)
    if len(session_id) > MAX_NAME:
        message = f"The session id has {len(session_id):,} characters; at most {MAX_NAME} are allowed."
        raise Refused(Reason.SESSION_ID_TOO_LONG, "sessionId", message)


def check_cookieless(distinct_id: str, session_id: str) -> None:
    """Refuse a cookieless event that says itself who did it."""
    for reason, field, sent in (
        (Reason.COOKIELESS_DISTINCT_ID, "distinctId", distinct_id),
        (Reason.COOKIELESS_SESSION_ID, "sessionId", session_id),
    ):
        if sent:
            message = f"The event is cookieless and has a `{field}`, which Pug would derive. Leave out `{field}`, or `cookieless`."
            raise Refused(reason, field, message)


def canonical_event_id(event_id: str) -> str:
    """A UUID in lower case with its hyphens, from any case and also from 32 hexadecimal digits."""
    if _is_uuid(event_id) and event_id != NIL_UUID:
        return event_id
    digits = event_id.lower()
    if _is_uuid(digits):
        digits = digits.replace("-", "")
    if not _is_hex(digits):
        raise Refused(Reason.EVENT_ID_INVALID, "eventId", "The event id is not a UUID. Send a UUIDv7, or none and Pug makes one.")
    if not digits.strip("0"):
        raise Refused(Reason.EVENT_ID_INVALID, "eventId", "The event id is all zeros. Send a UUIDv7, or none and Pug makes one.")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def unix_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    since = instant - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


MAX_MS = unix_ms(datetime(2200, 1, 1, tzinfo=UTC)) - 1


def read_rfc3339(value: object) -> int | None:
    """Unix milliseconds, what is finer cut off; None when it isn't a time with an offset."""
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    try:
        second = datetime.fromisoformat(f"{found['date']}T{found['time']}{found['offset'].upper()}")
    except ValueError:  # the 30th of February
        return None
    return unix_ms(second) + int((found["fraction"] or "0")[:3].ljust(3, "0"))


def occurred_at_invalid() -> Refused:
    """The time can't be read."""
    message = "The time can't be read. Write RFC 3339 with an offset, such as `2026-03-01T10:00:00.250Z`."
    return Refused(Reason.OCCURRED_AT_INVALID, "occurredAt", message)


def occurred_at_out_of_range() -> Refused:
    """The time can't be stored."""
    message = "The time is not between 1970 and 2199. Check the clock, and that milliseconds were not sent as seconds."
    return Refused(Reason.OCCURRED_AT_OUT_OF_RANGE, "occurredAt", message)


def occurred_before_retention(months: int, since: datetime) -> Refused:
    """The project no longer keeps events of that time."""
    message = (
        f"The project keeps {counted(months, 'month')} of events, and this happened before {since:%Y-%m-%d}. "
        "Leave it out, or have an admin raise the project's `retentionMonths`."
    )
    return Refused(Reason.OCCURRED_BEFORE_RETENTION, "occurredAt", message)


def check_sent_at(sent_at_ms: int | None) -> int:
    """The client's time of sending, which has to be a time we can store."""
    if sent_at_ms is None or not 0 <= sent_at_ms <= MAX_MS:
        hint = "Write RFC 3339 with an offset, between 1970 and 2199, such as `2026-03-01T10:00:00Z`, or leave it out."
        raise InvalidArgument("`sentAt` is not a time Pug can use.", field="sentAt", hint=hint)
    return sent_at_ms


def property_path(path: str, key: str | int) -> str:
    """The JSON path of what is inside: of a property, or of an item of a list; shortened when the key is absurd."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    shown = key if len(key) <= _SHOWN_KEY else key[:_SHOWN_KEY] + "…"
    return f"{path}.{shown}" if path else shown


def printable(text: str) -> str:
    """The text, with what can't be sent in a response replaced: half a surrogate pair has no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def check_level(depth: int, path: str) -> None:
    """Refuse an object or list that lies too deep."""
    if depth > MAX_DEPTH:
        raise Refused(Reason.PROPERTIES_TOO_DEEP, path, f"Properties are nested more than {MAX_DEPTH} levels deep. Flatten them.")


def check_property_count(count: int) -> None:
    """Refuse an event of too many properties; what is inside a property doesn't count."""
    if count > MAX_PROPERTIES:
        raise Refused(
            Reason.PROPERTIES_TOO_MANY, "properties", f"The event has {count:,} properties; at most {MAX_PROPERTIES} are allowed."
        )


def key_refused(key: str, path: str) -> Refused:
    """The key is empty or too long."""
    if not key:
        return Refused(Reason.PROPERTY_KEY_EMPTY, path, "A property has no name: its key is empty.")
    message = f"A property's key has {len(key):,} characters; at most {MAX_KEY} are allowed."
    return Refused(Reason.PROPERTY_KEY_TOO_LONG, property_path(path, key), message)


def text_too_long(length: int, path: str) -> Refused:
    """The string is too long."""
    return Refused(Reason.PROPERTY_TOO_LONG, path, f"The string has {length:,} characters; at most {MAX_TEXT:,} are allowed.")


def natural(number: float) -> float:
    """3.0 as 3, which JSON would have said and protobuf cannot."""
    return int(number) if number.is_integer() and -_MAX_SAFE <= number <= _MAX_SAFE else number


def not_finite(path: str) -> Refused:
    """The number isn't one that can be stored."""
    return Refused(Reason.PROPERTY_NOT_FINITE, path, "The number is not finite: NaN, infinite or beyond ±1.8e308. Leave the property out.")


def nul_path(value: object, path: str) -> str | None:
    """Where a NUL character is, in a key or in a value."""
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            if "\0" in key:
                return path
            if found := nul_path(inner, property_path(path, key)):
                return found
    if isinstance(value, list):
        for place, inner in enumerate(cast("list[object]", value)):
            if found := nul_path(inner, property_path(path, place)):
                return found
    return None
