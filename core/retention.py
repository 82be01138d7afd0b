"""How far back a project's events are kept, when it doesn't keep all of them."""

from datetime import UTC, datetime

MOST_MONTHS = 1_200


def kept_since(months: int, now: datetime) -> datetime:
    """The first moment that is kept: the month's, in UTC, that is so many months before the running one."""
    month = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 - months
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
