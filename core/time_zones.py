"""Which time zones there are."""

from functools import cache
from zoneinfo import available_timezones

from core.errors import UnknownTimeZone


def require_time_zone(name: str, field: str) -> str:
    """The name of an IANA time zone; raises UnknownTimeZone for anything else."""
    if name not in _known():
        raise UnknownTimeZone(f"There is no time zone {name[:50]!r}.", field=field, hint="Use an IANA name such as Europe/Berlin.")
    return name


@cache
def _known() -> frozenset[str]:
    # Two files in the database's folder that are no zones.
    return frozenset(available_timezones() - {"Factory", "localtime"})
