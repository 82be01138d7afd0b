"""What may be mistaken in a question: names the project has never sent, and what is near them; time of which nothing is kept.

What a project has sent once is remembered for some minutes, so that a question that names nothing new costs no query. Otherwise one small
query over the schema runs beside the main one; ClickHouse picks the few names near each, difflib says which of them are near enough.
A key is looked for among properties and traits alike, for whoever names the wrong source means the other.
"""

import difflib
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString, cast

from google.protobuf.message import Message

from core.clickhouse import ClickHouse
from core.retention import kept_since
from core.sql import Sql, join, sql, texts, unsigned
from core.words import counted
from pug.insights.v1.filter_pb2 import EventMatcher, Source
from pug.insights.v1.flow_pb2 import Flow
from pug.insights.v1.insights_pb2 import Insight
from services.insights.scope import Scope
from services.insights.session_facts import MEASURED
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED

_KNOWN_FOR_S = 300.0
_PROJECTS_HELD = 1_000
_MAX_NAMES = 50
_MAX_TOLD = 3
_MAX_LENGTH = 200
_MAX_READ = 10_000
_NEAR = 20
_NEAR_ENOUGH = 0.6
# The names of ours that may be left out of what a project has sent.
_OURS = {*CLIENT_OR_DERIVED, *DERIVED}

_NEAREST = """
SELECT
    {kind} AS kind, wanted, max(name = wanted OR startsWith(name, concat(wanted, '.'))) AS sent,
    arrayMap(one -> one.2, groupArraySorted({near})((distance, name))) AS nearest
FROM
(
    SELECT name, wanted, editDistanceUTF8(lowerUTF8(leftUTF8(name, {length})), lowerUTF8(wanted)) AS distance
    FROM (SELECT DISTINCT {name} AS name FROM {table} WHERE project_id = {project} LIMIT {most})
    ARRAY JOIN {wanted} AS wanted
)
GROUP BY wanted"""


@dataclass(frozen=True, slots=True)
class Named:
    """What a question names, each once and in its order."""

    events: tuple[str, ...]
    properties: tuple[str, ...]
    traits: tuple[str, ...]


@dataclass(slots=True)
class _Known:
    until: float
    events: set[str] = field(default_factory=set[str])
    properties: set[str] = field(default_factory=set[str])
    traits: set[str] = field(default_factory=set[str])


class Hints:
    """Knows which names projects have sent."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._known: OrderedDict[int, _Known] = OrderedDict()

    async def of(self, insight: Insight, project_id: int) -> str:
        """What may be mistaken in an insight; empty when nothing is."""
        known, named = self._known_of(project_id), names_in(insight)
        events = [name for name in named.events if name not in known.events]
        properties = [key for key in named.properties if key not in known.properties]
        traits = [key for key in named.traits if key not in known.traits]
        if not events and not properties and not traits:
            return ""
        found = await self._clickhouse.query(nearest_query(project_id, events, [*dict.fromkeys([*properties, *traits])]))
        rows = cast("Sequence[_Row]", found.rows)
        for kind, names in (("event", known.events), ("property", known.properties), ("trait", known.traits)):
            names |= {wanted for of, wanted, sent, _ in rows if of == kind and sent}
        near = {(kind, wanted): names for kind, wanted, _, names in rows}
        return " ".join(_unsent(named, known, near)[:_MAX_TOLD])

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


# Kind, name, whether it was sent, names near it.
_Row = tuple[str, str, int, Sequence[str]]
_Near = Mapping[tuple[str, str], Sequence[str]]


def names_in(insight: Insight) -> Named:
    """The events, the events' properties and the traits that an insight of any kind names, at most so many of each."""
    matched = (one.name for one in _messages(insight) if isinstance(one, EventMatcher))
    events = dict.fromkeys(name for name in (*matched, *_ends_of_paths(insight.flow)) if name)
    keys = [found for one in _messages(insight) if (found := _key(one))]
    properties = dict.fromkeys(key for key, source in keys if source != Source.SOURCE_PERSON and not _is_ours(key, source))
    traits = dict.fromkeys(key for key, source in keys if source == Source.SOURCE_PERSON)
    return Named(_shortened(events), _shortened(properties), _shortened(traits))


def nearest_query(project_id: int, events: Sequence[str], keys: Sequence[str]) -> Sql:
    """The rows (kind, name, whether it was sent, names near it), without those of kinds a project has sent none of.

    Keys are looked for among properties and traits, events among events.
    """
    parts: list[Sql] = []
    if events:
        parts.append(_nearest("'event'", "name", "schema_events", project_id, events))
    if keys:
        parts.append(_nearest("'property'", "key", "schema_properties", project_id, keys))
        parts.append(_nearest("'trait'", "arrayJoin(JSONAllPaths(traits))", "person_traits", project_id, keys))
    return join("\nUNION ALL", parts)


def _nearest(kind: LiteralString, name: LiteralString, table: LiteralString, project_id: int, wanted: Sequence[str]) -> Sql:
    return sql(
        _NEAREST,
        kind=sql(kind),
        name=sql(name),
        table=sql(table),
        near=unsigned(_NEAR),
        length=unsigned(_MAX_LENGTH),
        project=unsigned(project_id),
        most=unsigned(_MAX_READ),
        wanted=texts(wanted),
    )


def _messages(message: Message) -> Iterator[Message]:
    """A message and all inside it."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for inner in cast("Sequence[Message]", value if descriptor.is_repeated else [value]):
            yield from _messages(inner)


def _ends_of_paths(flow: Flow) -> tuple[str, ...]:
    """The events at which paths start and end; none where a hop is called something else."""
    return () if flow.node == Flow.NODE_PROPERTY or flow.groups else (flow.start, flow.end)


def _key(message: Message) -> tuple[str, int] | None:
    """The key of the property a message names, and its source."""
    # In every message that names a property the field is called so, and `source` beside it says whose; without one it is the event's.
    fields = message.DESCRIPTOR.fields_by_name
    if "property" not in fields:
        return None
    key = cast("str", getattr(message, "property"))  # noqa: B009 (of any message)
    source = cast("int", getattr(message, "source")) if "source" in fields else Source.SOURCE_EVENT  # noqa: B009 (of any message)
    return (key, source) if key else None


def _is_ours(key: str, source: int) -> bool:
    return key in _OURS or (source == Source.SOURCE_SESSION and key in MEASURED)


def _shortened(names: dict[str, None]) -> tuple[str, ...]:
    return tuple(name for name in names if len(name) <= _MAX_LENGTH)[:_MAX_NAMES]


def _unsent(named: Named, known: _Known, near: _Near) -> list[str]:
    """What is to be said of each name that isn't known."""
    events = (_unsent_event(name, near.get(("event", name), ())) for name in named.events if name not in known.events)
    properties = (
        _unsent_property(key, near.get(("property", key), ()), is_trait=key in known.traits)
        for key in named.properties
        if key not in known.properties
    )
    traits = (
        _unsent_trait(key, near.get(("trait", key), ()), is_property=key in known.properties or key in _OURS)
        for key in named.traits
        if key not in known.traits
    )
    return [*events, *properties, *traits]


def _unsent_event(name: str, near: Sequence[str]) -> str:
    return f"No event “{name}” was ever sent{_did_you_mean(name, near)}."


def _unsent_property(key: str, near: Sequence[str], *, is_trait: bool) -> str:
    meant = "; it is a trait of persons: ask for SOURCE_PERSON" if is_trait else _did_you_mean(key, near)
    return f"No event has ever had the property “{key}”{meant}."


def _unsent_trait(key: str, near: Sequence[str], *, is_property: bool) -> str:
    meant = "; it is a property of events: ask for SOURCE_EVENT" if is_property else _did_you_mean(key, near)
    return f"No person has ever had the trait “{key}”{meant}."


def _did_you_mean(wanted: str, near: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in reversed(near)}
    close = difflib.get_close_matches(wanted.lower(), by_lower, n=_MAX_TOLD, cutoff=_NEAR_ENOUGH)
    return f"; near it: {', '.join(f'“{by_lower[name]}”' for name in close)}" if close else ""
