"""Reads the small words of options: names of a contract's values, spans and instants."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from app.cli.client import UsageError

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def names_of(enum: EnumTypeWrapper, prefix: str) -> list[str]:
    """The values of a contract's enum as options name them: `last_30_days` for PRESET_LAST_30_DAYS."""
    return [
        name.removeprefix(f"{prefix}_").lower()
        for name in enum.keys()  # noqa: SIM118 (not a dict)
        if not name.endswith("_UNSPECIFIED")
    ]


def enum_value(enum: EnumTypeWrapper, prefix: str, given: str | None, option: str) -> int:
    """`last_30_days` as PRESET_LAST_30_DAYS; the unspecified value when nothing is given."""
    if given is None:
        return 0
    names = names_of(enum, prefix)
    wanted = given.strip().lower().replace("-", "_").replace(" ", "_").removeprefix(f"{prefix.lower()}_")
    if wanted not in names:
        raise UsageError(f"{option}: there is no '{given}'.", f"There are: {', '.join(names)}.")
    return enum.Value(f"{prefix}_{wanted.upper()}")


def span_of(text: str, option: str) -> timedelta:
    """`30m`, `12h`, `14d` or `4w` as a time."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option}: '{text}' is not a span of time.", "Write a number and s, m, h, d or w, such as 14d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def duration_of(text: str | None, option: str) -> Duration | None:
    """The same as a contract's duration; None when nothing is given."""
    if text is None:
        return None
    duration = Duration()
    duration.FromTimedelta(span_of(text, option))
    return duration


def span_text(span: timedelta) -> str:
    """A time as `span_of` reads it, in the largest unit up to days that says it exactly."""
    seconds = round(span.total_seconds())
    unit, size = next((unit, size) for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)) if seconds % size == 0)
    return f"{seconds // size}{unit}"


def instant_of(text: str, time_zone: str, option: str) -> datetime:
    """A date or time as an instant; without an offset it is in the time zone, UTC when none is said."""
    try:
        zone = ZoneInfo(time_zone or "UTC")
        moment = datetime.fromisoformat(text)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"{option}: '{text}' in '{time_zone or 'UTC'}' is not a time.", "Write it like 2026-03-01 or 2026-03-01T12:00:00Z."
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
