"""Where an answer comes from: the smallest rollup that keeps all of what is asked, or the events themselves.

What a rollup keeps is found by planning on it: whatever a plan would read that isn't there is NotKept. So there is no second account of
what each kind of insight reads. All here is pure.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta

from core.instants import EPOCH
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight
from pug.insights.v1.retention_pb2 import Retention
from services.insights import kinds
from services.insights.scope import Scope
from services.insights.tables import (
    ACTIVE_DAYS,
    ACTIVE_DAYS_ONCE,
    ACTIVITY_HOURS,
    EVENTS,
    KEYS_OF_DAYS,
    KEYS_OF_TOTALS,
    SESSION_HOURS,
    NotKept,
    Table,
    totals_days,
    totals_hours,
    totals_of,
)

_NO_TIME, _DAY = timedelta(), timedelta(days=1)
# The others are about the order of events, or about more of each than a rollup keeps.
_KINDS = ("trends", "segmentation", "top_k", "stickiness", "lifecycle", "retention", "sessions")
# The buckets of these may be cut anywhere: they have one, the range, or put in them what is known to the millisecond.
_OF_ANY_BUCKETS = ("segmentation", "top_k", "sessions")

_OF_SESSIONS = (("session_hours", SESSION_HOURS),)
_TOTALS = ("totals_hours", totals_hours())
_BY_ID = (("active_days", ACTIVE_DAYS), ("activity_hours", ACTIVITY_HOURS))


def choose_source(insight: Insight, scope: Scope, built: Collection[str]) -> tuple[Scope, Sql]:
    """The scope on the table that answers an insight, and the plan there; `built` are the names of the rollups there are."""
    if _places_do_not_matter(insight):
        for name, table in _candidates(insight):
            if name in built and _is_cut_between(insight, scope, table.grain):
                with suppress(NotKept):
                    return _on_totals(insight, scope, built) if name == "totals_hours" else _planned(insight, scope, table)
    return _planned(insight, scope, EVENTS)


def _candidates(insight: Insight) -> Sequence[tuple[str, Table]]:
    match insight.WhichOneof("kind"):
        case "sessions":
            return _OF_SESSIONS
        case "trends" | "segmentation":
            return (_TOTALS, ("active_days", ACTIVE_DAYS_ONCE), *_BY_ID)
        case _:
            return (_TOTALS, *_BY_ID)


def _on_totals(insight: Insight, scope: Scope, built: Collection[str]) -> tuple[Scope, Sql]:
    """The plan on the totals, by the first property that it turns out to need, if any."""
    try:
        return _planned(insight, scope, totals_hours())
    except NotKept as missing:
        if missing.key not in KEYS_OF_TOTALS:
            raise
        return _planned(insight, scope, _totals(missing.key, insight, scope, built))


def _totals(key: str, insight: Insight, scope: Scope, built: Collection[str]) -> Table:
    """The totals by a property: by the day where that is kept, and nothing is cut within one but the range of a single bucket."""
    if key in KEYS_OF_DAYS and "totals_days" in built:
        if _is_cut_between(insight, scope, _DAY):
            return totals_days(key)
        days = scope.range.whole_days
        if insight.WhichOneof("kind") in _OF_ANY_BUCKETS and not scope.compared and days.start < days.end:
            return totals_of(key, scope.range, scope.project.id)
    return totals_hours(key)


def _planned(insight: Insight, scope: Scope, table: Table) -> tuple[Scope, Sql]:
    on_table = scope.reading(table, insight.filters)
    return on_table, kinds.plan(insight, on_table)


def _places_do_not_matter(insight: Insight) -> bool:
    """Whether of an event only its bucket matters, not its place among others."""
    kind = insight.WhichOneof("kind")
    return kind in _KINDS and (kind != "retention" or _by_periods(insight.retention))


def _is_cut_between(insight: Insight, scope: Scope, grain: timedelta) -> bool:
    """Whether all that is cut is cut between two hours, or days in UTC."""
    instants = [instant for one in (scope, scope.compared) if one for instant in (one.range.start, one.range.end)]
    if insight.WhichOneof("kind") not in _OF_ANY_BUCKETS:
        instants += [instant for one in (scope, scope.compared) if one for bucket in one.buckets for instant in (bucket.start, bucket.end)]
        instants.append(scope.bucket_before.start)
    return all((instant - EPOCH) % grain == _NO_TIME for instant in instants)


def _by_periods(retention: Retention) -> bool:
    """Whether only the periods matter in which somebody did something, not how often or how long after."""
    return retention.clock != Retention.CLOCK_ROLLING and retention.minimum <= 1
