"""Waits until queries see what was accepted."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from connectrpc.errors import ConnectError

from app.cli.client import Server, sync_http
from pug.insights.v1.filter_pb2 import EventMatcher
from pug.insights.v1.insights_connect import InsightsServiceClientSync
from pug.insights.v1.insights_pb2 import Insight, QueryRequest, TimeRange
from pug.insights.v1.trends_pb2 import Trends

_WAIT = timedelta(seconds=60)
_POLL_S = 0.2


def wait_until_queryable(reader: Server, acknowledged_at: datetime, note: Callable[[str], None]) -> datetime | None:
    """Waits until queries see every event accepted before an instant; until when they do, or None when that can't be told."""
    insights = InsightsServiceClientSync(
        reader.url, http_client=sync_http(reader.ca_certificate), timeout_ms=int(_WAIT.total_seconds() * 1000)
    )
    request = QueryRequest(insight=Insight(trends=Trends(series=[Trends.Series(event=EventMatcher(name="$import"))])))
    request.time_range.CopyFrom(TimeRange(to=acknowledged_at, **{"from": acknowledged_at - timedelta(minutes=1)}))
    until = time.monotonic() + _WAIT.total_seconds()
    while time.monotonic() < until:
        try:
            complete_until = insights.query(request, headers=reader.headers).meta.complete_until.ToDatetime(UTC)
        except ConnectError as error:
            note(f"Everything is accepted. Whether queries see it already cannot be told: {error.message}")
            return None
        if complete_until >= acknowledged_at:
            return complete_until
        time.sleep(_POLL_S)
    note(f"Everything is accepted, but after {_WAIT.seconds} s queries do not see it all yet.")
    return None
