"""What may be mistaken in a question: names the project has never sent, and what is near them; time of which nothing is kept.

What a project has sent once is remembered for some minutes, so that a question that names nothing new costs no query. Otherwise a small
query over the schema runs beside the main one; for the few names that are told, another has ClickHouse pick those near each, and difflib
says which of them are near enough. A key is looked for among properties and traits alike, for whoever names the wrong source means the
other.

A hint is worth little waiting: where it takes longer there is none.
"""

import asyncio
import difflib
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import cast

import structlog

from core.clickhouse import ClickHouse
from core.errors import QueryTooExpensive, TooManyQueries
from core.retention import kept_since
from core.sql import Sql, sql, unsigned
from core.words import counted
from pug.insights.v1.insights_pb2 import Insight
from services.insights.limits import QueryLimits, limited
from services.insights.named import OURS, Named, names_in
from services.insights.nearest import COMPARED, Kind, nearest_query, sent_query
from services.insights.scope import Scope
from services.insights.turns import Turns
from services.rpc.call import Call

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_KNOWN_FOR_S = 300.0
_PROJECTS_HELD = 1_000
_MAX_TOLD = 3
_NEAR_ENOUGH = 0.6
# How long ClickHouse looks, and how long an answer waits for that and for the turn. Where it is too long, nobody looks again for a while.
_LIMITS = QueryLimits(timedelta(seconds=1.5), 2**28)
_PATIENCE_S = 3.0
_REST_S = 60.0
# ClickHouse looks at its time between two blocks.
_BLOCK = 1_024


@dataclass(slots=True)
class _Known:
    until: float
    names: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in Kind})
    rests_until: float = 0.0


# Of each name that was never sent, those near it.
_Near = Mapping[tuple[Kind, str], Sequence[str]]


class Hints:
    """Knows which names projects have sent."""

    def __init__(self, clickhouse: ClickHouse, turns: Turns) -> None:
        """What is not known yet is looked up in a turn of its project."""
        self._clickhouse = clickhouse
        self._turns = turns
        self._known: OrderedDict[int, _Known] = OrderedDict()

    async def of(self, insight: Insight, call: Call) -> str:
        """What may be mistaken in an insight; empty when nothing is, or when it would take long to say."""
        known, named = self._known_of(call.project.id), names_in(insight)
        if not any(_unknown(named, known)) or time.monotonic() < known.rests_until:
            return ""
        patience_s = min(_PATIENCE_S, call.timeout_s or _PATIENCE_S)
        try:
            async with asyncio.timeout(patience_s), self._turns.turn(replace(call, timeout_s=patience_s)):
                return await self._told(named, known, call.project.id)
        except (QueryTooExpensive, TooManyQueries, TimeoutError) as error:
            if isinstance(error, QueryTooExpensive):
                known.rests_until = time.monotonic() + _REST_S
            log.debug("hint_given_up", project=call.project.id, error=type(error).__name__)
            return ""

    async def _told(self, named: Named, known: _Known, project_id: int) -> str:
        # Who had the turn before may have asked for the same.
        if not (unknown := list(_unknown(named, known))):
            return ""
        events = [name for kind, name in unknown if kind is Kind.EVENT]
        keys = dict.fromkeys(name for kind, name in unknown if kind is not Kind.EVENT)
        sent = await self._ask(sent_query(project_id, events, [*keys]))
        for kind, name in cast("Sequence[tuple[str, str]]", sent):
            known.names[Kind(kind)].add(name)
        unsent = list(islice(_unknown(named, known), _MAX_TOLD))
        if not unsent:
            return ""
        rows = cast("Sequence[tuple[str, str, Sequence[str]]]", await self._ask(nearest_query(project_id, unsent)))
        near = {(Kind(kind), wanted): nearest for kind, wanted, nearest in rows}
        return " ".join(_unsent(kind, name, known, near) for kind, name in unsent)

    async def _ask(self, query: Sql) -> Sequence[tuple[object, ...]]:
        asked = sql("{query}, max_threads = 1, max_block_size = {block}", query=limited(query, _LIMITS, None), block=unsigned(_BLOCK))
        return (await self._clickhouse.query(asked)).rows

    def _known_of(self, project_id: int) -> _Known:
        now = time.monotonic()
        known = self._known.pop(project_id, None)
        if known is None or known.until < now:
            known = _Known(now + _KNOWN_FOR_S)
        self._known[project_id] = known
        if len(self._known) > _PROJECTS_HELD:
            self._known.popitem(last=False)
        return known


def not_kept(retention_months: int | None, scope: Scope) -> str:
    """That a range, or the one compared with, begins before what the project keeps; empty when it doesn't."""
    if not retention_months:
        return ""
    since = kept_since(retention_months, scope.as_of.now)
    first = min(scope.range.start, scope.compared.range.start) if scope.compared else scope.range.start
    if first >= since:
        return ""
    return f"Events from before {since:%Y-%m-%d} are not kept: the project keeps {counted(retention_months, 'month')}."


def _unknown(named: Named, known: _Known) -> Iterator[tuple[Kind, str]]:
    """What a question names of which it isn't known that it was sent."""
    for kind, names in ((Kind.EVENT, named.events), (Kind.PROPERTY, named.properties), (Kind.TRAIT, named.traits)):
        yield from ((kind, name) for name in names if name not in known.names[kind])


def _unsent(kind: Kind, name: str, known: _Known, near: _Near) -> str:
    """What is to be said of a name that was never sent."""
    nearest = near.get((kind, name), ())
    match kind:
        case Kind.EVENT:
            return _unsent_event(name, nearest)
        case Kind.PROPERTY:
            return _unsent_property(name, nearest, is_trait=name in known.names[Kind.TRAIT])
        case Kind.TRAIT:
            return _unsent_trait(name, nearest, is_property=name in known.names[Kind.PROPERTY] or name in OURS)


def _unsent_event(name: str, near: Sequence[str]) -> str:
    return f"No event “{name}” was ever sent{_did_you_mean(name, near)}."


def _unsent_property(key: str, near: Sequence[str], *, is_trait: bool) -> str:
    meant = "; it is a trait of persons: ask for SOURCE_PERSON" if is_trait else _did_you_mean(key, near)
    return f"No event has ever had the property “{key}”{meant}."


def _unsent_trait(key: str, near: Sequence[str], *, is_property: bool) -> str:
    meant = "; it is a property of events: ask for SOURCE_EVENT" if is_property else _did_you_mean(key, near)
    return f"No person has ever had the trait “{key}”{meant}."


def _did_you_mean(wanted: str, near: Sequence[str]) -> str:
    by_beginning = {name.lower()[:COMPARED]: name for name in reversed(near)}
    close = difflib.get_close_matches(wanted.lower()[:COMPARED], by_beginning, n=_MAX_TOLD, cutoff=_NEAR_ENOUGH)
    return f"; near it: {', '.join(f'“{by_beginning[name]}”' for name in close)}" if close else ""
