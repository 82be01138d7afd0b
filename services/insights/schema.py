"""What a project has sent: event names and property keys, kept as events come in (migrations/clickhouse/0002_schema.sql), and traits."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.errors import TooLong
from core.sql import Sql, sql, text, unsigned
from pug.insights.v1.insights_pb2 import GetSchemaRequest, GetSchemaResponse
from services.insights.limits import QueryLimits, limited
from services.insights.people import latest_traits
from services.rpc.call import Call

_Event = GetSchemaResponse.Event
_Property = GetSchemaResponse.Property
_Type = GetSchemaResponse.Property.Type
# Of each list: each entry takes some 20 µs to become a message and then text, in which nobody else is served.
_MAX_ROWS = 1_000
_MAX_SEARCH = 200
# ClickHouse's names of types as ours.
_TYPE = "multiIf(path.2 = 'String', 'string', path.2 = 'Bool', 'boolean', path.2 IN ('Int64', 'UInt64', 'Float64'), 'number', 'list')"


async def schema_of(request: GetSchemaRequest, call: Call, *, clickhouse: ClickHouse, limits: QueryLimits) -> GetSchemaResponse:
    """The most frequent event names, and property keys of one event or of all, that contain what is searched for."""
    events = events_query(call.project.id, request.search)
    properties = properties_query(call.project.id, request.event_name, request.search)
    found_events = await clickhouse.query(limited(events, limits, call.timeout_s))
    found_properties = await clickhouse.query(limited(properties, limits, call.timeout_s))
    found_traits = await clickhouse.query(limited(traits_query(call.project.id, request.search), limits, call.timeout_s))
    return GetSchemaResponse(
        events=shape_events(found_events.rows[:_MAX_ROWS]),
        properties=shape_properties(found_properties.rows[:_MAX_ROWS]),
        traits=shape_properties(found_traits.rows[:_MAX_ROWS]),
        more_events=len(found_events.rows) > _MAX_ROWS,
        more_properties=len(found_properties.rows) > _MAX_ROWS,
        more_traits=len(found_traits.rows) > _MAX_ROWS,
    )


def events_query(project_id: int, search: str) -> Sql:
    """The rows (name, count, last seen)."""
    return sql(
        "SELECT name, sum(count) AS events, max(last_seen) AS last FROM schema_events WHERE project_id = {project} {searched}"
        " GROUP BY name ORDER BY events DESC, name LIMIT {rows}",
        project=unsigned(project_id),
        searched=containing(sql("name"), search),
        # One more than is listed tells that there are more.
        rows=unsigned(_MAX_ROWS + 1),
    )


def properties_query(project_id: int, event_name: str, search: str) -> Sql:
    """The rows (key, count, last seen, types, their counts), the most frequent type first."""
    named = sql("AND name = {name}", name=text(event_name)) if event_name else sql("")
    return sql(
        "SELECT key, sum(events) AS total, max(last) AS latest, groupArray(type) AS types, groupArray(events) AS counts"
        " FROM (SELECT key, type, sum(count) AS events, max(last_seen) AS last FROM schema_properties"
        " WHERE project_id = {project} {named} {searched} GROUP BY key, type ORDER BY events DESC, type)"
        " GROUP BY key ORDER BY total DESC, key LIMIT {rows}",
        project=unsigned(project_id),
        named=named,
        searched=containing(sql("key"), search),
        # One more than is listed tells that there are more.
        rows=unsigned(_MAX_ROWS + 1),
    )


def traits_query(project_id: int, search: str) -> Sql:
    """The rows (key, count of persons, NULL, types, their counts), the most frequent type first, of persons as they are now."""
    return sql(
        "SELECT key, sum(persons) AS total, NULL AS latest, groupArray(type) AS types, groupArray(persons) AS counts"  # noqa: S608 (our own text)
        " FROM (SELECT path.1 AS key, "
        + _TYPE
        + " AS type, count() AS persons FROM ({traits}) ARRAY JOIN value AS path WHERE true {searched}"
        " GROUP BY key, type ORDER BY persons DESC, type)"
        " GROUP BY key ORDER BY total DESC, key LIMIT {rows}",
        traits=latest_traits(project_id, sql("CAST(JSONAllPathsWithTypes(traits), 'Array(Tuple(String, String))')")),
        searched=containing(sql("path.1"), search),
        # One more than is listed tells that there are more.
        rows=unsigned(_MAX_ROWS + 1),
    )


def containing(column: Sql, search: str) -> Sql:
    """A further condition, that the column contains what is searched for, ignoring case."""
    if not search:
        return sql("")
    if len(search) > _MAX_SEARCH:
        raise TooLong(f"A search has at most {_MAX_SEARCH} characters.", field="search", hint="Search for a part of it.")
    return sql("AND position(lowerUTF8({column}), lowerUTF8({search})) > 0", column=column, search=text(search))


def shape_events(rows: Sequence[tuple[object, ...]]) -> list[GetSchemaResponse.Event]:
    """The event names."""
    known = cast("Sequence[tuple[str, int, datetime]]", rows)
    return [_Event(name=name, count=count, last_seen=last) for name, count, last in known]


def shape_properties(rows: Sequence[tuple[object, ...]]) -> list[GetSchemaResponse.Property]:
    """The property keys with their types."""
    known = cast("Sequence[tuple[str, int, datetime | None, Sequence[str], Sequence[int]]]", rows)
    return [
        _Property(
            key=key, count=count, last_seen=last, types=[_Type(name=name, count=many) for name, many in zip(types, counts, strict=True)]
        )
        for key, count, last, types, counts in known
    ]
