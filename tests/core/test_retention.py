from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.retention import kept_since


@pytest.mark.parametrize(
    ("months", "now", "since"),
    [
        (1, datetime(2026, 3, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (12, datetime(2026, 3, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)),
        (3, datetime(2026, 3, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)),
        (1_200, datetime(2026, 1, 1, tzinfo=UTC), datetime(1926, 1, 1, tzinfo=UTC)),
        # Already April there, in UTC still March.
        (1, datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_whole_months_before_the_running_one_are_kept(months: int, now: datetime, since: datetime) -> None:
    assert kept_since(months, now) == since
