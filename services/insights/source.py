"""Where an answer comes from: the smallest rollup that keeps all of what is asked, or the events themselves.

What a rollup keeps is found by planning on it: whatever a plan would read that isn't there is NotKept. So there is no second account of
what each kind of insight reads. All here is pure.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from core.instants import EPOCH
from core.sql import Sql
from pug.insights.v1.insights_pb2 import Insight
from pug.insights.v1.retention_pb2 import Retention
from services.insights import kinds
from services.insights.scope import Scope
from services.insights.tables import ACTIVITY_HOURS, EVENTS, KEYS_OF_TOTALS, SESSION_HOURS, NotKept, Table, totals_hours

_HOUR = timedelta(hours=1)
_NO_TIME = timedelta()
# The others are about the order of events, or about more of each than a rollup keeps.
_KINDS = ("trends", "segmentation", "top_k", "stickiness", "lifecycle", "retention", "sessions")
# The buckets of these may be cut anywhere: they have one, the range, or put in them what is known to the millisecond.
_OF_ANY_BUCKETS = ("segmentation", "top_k", "sessions")


def choose_source(insight: Insight, scope: Scope, built: Collection[str]) -> tuple[Scope, Sql]:
    """The scope on the table that answers an insight, and the plan there; `built` are the names of the rollups there are."""
    rollups = _SESSIONS if insight.WhichOneof("kind") == "sessions" else _SMALLEST_FIRST
    for name, plan in rollups.items():
        if name in built and _by_hours(insight, scope):
            with suppress(NotKept):
                return plan(insight, scope)
    return _planned(insight, scope, EVENTS)


def _on_totals(insight: Insight, scope: Scope) -> tuple[Scope, Sql]:
    """The plan on the totals, by the first property that it turns out to need, if any."""
    try:
        return _planned(insight, scope, totals_hours())
    except NotKept as missing:
        if missing.key not in KEYS_OF_TOTALS:
            raise
        return _planned(insight, scope, totals_hours(missing.key))


def _on_activity(insight: Insight, scope: Scope) -> tuple[Scope, Sql]:
    return _planned(insight, scope, ACTIVITY_HOURS)


def _on_sessions(insight: Insight, scope: Scope) -> tuple[Scope, Sql]:
    return _planned(insight, scope, SESSION_HOURS)


_SESSIONS = {"session_hours": _on_sessions}
_SMALLEST_FIRST = {"totals_hours": _on_totals, "activity_hours": _on_activity}


def _planned(insight: Insight, scope: Scope, table: Table) -> tuple[Scope, Sql]:
    on_table = scope.reading(table, insight.filters)
    return on_table, kinds.plan(insight, on_table)


def _by_hours(insight: Insight, scope: Scope) -> bool:
    """Whether it makes no difference to an answer where in its hour an event is."""
    kind = insight.WhichOneof("kind")
    if kind not in _KINDS or (kind == "retention" and not _by_periods(insight.retention)):
        return False
    instants = [instant for one in (scope, scope.compared) if one for instant in (one.range.start, one.range.end)]
    if kind not in _OF_ANY_BUCKETS:
        instants += [instant for one in (scope, scope.compared) if one for bucket in one.buckets for instant in (bucket.start, bucket.end)]
        instants.append(scope.bucket_before.start)
    return all((instant - EPOCH) % _HOUR == _NO_TIME for instant in instants)


def _by_periods(retention: Retention) -> bool:
    """Whether only the periods matter in which somebody did something, not how often or how long after."""
    return retention.clock != Retention.CLOCK_ROLLING and retention.minimum <= 1
