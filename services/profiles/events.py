"""Lists events as they are stored, newest first. Pure but for the reading."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import RangeReversed, TooMany
from core.instants import at_milliseconds
from core.person_ids import id_of_hash
from core.sql import Sql, all_of, any_of, instant, join, numbered, sql, text, unsigned, uuids
from pug.profiles.v1 import profiles_pb2 as pb
from services.insights.filters import group_condition, matches
from services.insights.people import AsOf
from services.insights.ranges import instant_of
from services.insights.vocabulary import CLIENT_OR_DERIVED, DERIVED
from services.profiles.finding import check_filters
from services.rpc.pages import Page, page_of, values_in_json

_MAX_MATCHERS = 50
# Where the row has the properties.
_SENT = 6
# The normal form replaces what was sent.
_ADDED = {**CLIENT_OR_DERIVED, **DERIVED}
# Their columns hold texts; from JSON they would be these.
_BOOLEANS = {"$mobile", "$bot"}
_NUMBERS = {"$latitude", "$longitude"}

_EVENTS = """{ties}
SELECT
    toString(event_id) AS id, name, distinct_id, session_id, toUnixTimestamp64Milli(occurred_at) AS occurred,
    toUnixTimestamp64Milli(received_at) AS received, toJSONString(properties) AS sent, if(cookieless = 1, 0, {person}) AS person_of, {added}
FROM events
WHERE project_id = {project} AND {conditions}
ORDER BY occurred_at DESC, event_id DESC
LIMIT {rows}"""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an event stands in the list: its time in milliseconds, and its id."""

    occurred_ms: int
    event_id: str


def plan(project_id: int, spec: pb.EventFilter, whose: Sql | None, after: Moment | None, rows: int, as_of: AsOf) -> Sql:  # noqa: PLR0917
    """Events that pass the filter, of those for whom `whose` holds, after a place in the list."""
    conditions = [*([whose] if whose else []), *_conditions(spec, as_of), *([_after(after)] if after else [])]
    return sql(
        _EVENTS,
        ties=as_of.people.ties(),
        person=as_of.people.person(),
        added=join(
            ", ", (sql("{column} AS {name}", column=column, name=numbered("added", place)) for place, column in enumerate(_ADDED.values()))
        ),
        project=unsigned(project_id),
        conditions=all_of(conditions),
        rows=unsigned(rows),
    )


def shape(rows: Sequence[Sequence[object]], size: int) -> Page[pb.Event]:
    """A page of events, of rows one more of which than `size` says that others follow."""
    page = page_of(rows, size, lambda row: values_in_json(cast("str", row[_SENT])))
    return Page([_event(row) for row in page.entries], page.more)


def moment_of(event: pb.Event) -> Moment:
    """Where it stands in the list."""
    return Moment(event.occurred_at.ToMilliseconds(), event.event_id)


def _conditions(spec: pb.EventFilter, as_of: AsOf) -> list[Sql]:
    conditions: list[Sql] = []
    start = instant_of(cast("Timestamp", getattr(spec, "from")), "filter.from") if spec.HasField("from") else None
    end = instant_of(spec.to, "filter.to") if spec.HasField("to") else None
    if start and end and start >= end:
        raise RangeReversed("The range ends before it starts.", field="filter.to", hint="`to` is the first instant after the range.")
    if start:
        conditions.append(sql("occurred_at >= {start}", start=instant(start)))
    if end:
        conditions.append(sql("occurred_at < {end}", end=instant(end)))
    if spec.session_id:
        conditions.append(sql("session_id = {session}", session=text(spec.session_id)))
    if len(spec.events) > _MAX_MATCHERS:
        raise TooMany(f"At most {_MAX_MATCHERS} kinds of events are listed.", field="filter.events", hint="Leave some out.")
    if spec.events:
        conditions.append(any_of([all_of(matches(matcher, f"filter.events[{place}]", as_of)) for place, matcher in enumerate(spec.events)]))
    check_filters(spec.filters, "filter.filters")
    if spec.filters.ByteSize():
        conditions.append(group_condition(spec.filters, "filter.filters", as_of))
    return conditions


def _after(place: Moment) -> Sql:
    at = instant(at_milliseconds(place.occurred_ms))
    # The first part lets ClickHouse skip what the second one excludes.
    return sql("occurred_at <= {at} AND (occurred_at < {at} OR event_id < {ids}[1])", at=at, ids=uuids([place.event_id]))


def _event(row: Sequence[object]) -> pb.Event:
    event_id, name, distinct_id, session_id, occurred, received, sent, person, *added = cast(
        "tuple[str, str, str, str, int, int, str, int]", row
    )
    properties = cast("dict[str, object]", json.loads(sent))
    for key, value in zip(_ADDED, cast("Sequence[str]", added), strict=True):
        if value:
            properties[key] = _natural(key, value)
    event = pb.Event(
        event_id=event_id,
        name=name,
        distinct_id=distinct_id,
        session_id=session_id,
        properties=ParseDict(properties, Struct()),
        person_id=id_of_hash(person) if person else "",
    )
    event.occurred_at.FromMilliseconds(occurred)
    event.received_at.FromMilliseconds(received)
    return event


def _natural(key: str, value: str) -> object:
    if key in _BOOLEANS and value in ("true", "false"):
        return value == "true"
    if key in _NUMBERS:
        return float(value)
    return value
