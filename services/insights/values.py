"""Which values a property has had, to choose from.

Those of events are kept as events come in (migrations/clickhouse/views/schema_values.sql): exactly until a project has sent 10,000 events
of a name, from then on of one event in 32, so that counts are estimates and a rare value may be missing. Those of persons are read from
their traits, exactly.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from core.clickhouse import ClickHouse
from core.errors import InvalidArgument
from core.sql import Sql, sql, text, unsigned
from pug.insights.v1.filter_pb2 import Source
from pug.insights.v1.insights_pb2 import ListPropertyValuesRequest, ListPropertyValuesResponse
from services.insights.limits import QueryLimits, limited
from services.insights.people import latest_traits
from services.insights.properties import event_property, trait
from services.insights.schema import containing
from services.rpc.call import Call

_Value = ListPropertyValuesResponse.Value
_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1_000

_OF_EVENTS = """
SELECT value, sum(count) AS events, max(last_seen) AS last
FROM schema_values
WHERE project_id = {project} AND key = {key} {named} {searched}
GROUP BY value
HAVING events > 0
ORDER BY events DESC, value
LIMIT {limit}"""

_OF_PERSONS = """
SELECT value, count() AS persons, NULL AS last
FROM ({traits})
WHERE value IS NOT NULL {searched}
GROUP BY value
ORDER BY persons DESC, value
LIMIT {limit}"""


async def values_of(
    request: ListPropertyValuesRequest, call: Call, *, clickhouse: ClickHouse, limits: QueryLimits
) -> ListPropertyValuesResponse:
    """The values of a property that contain what is searched for, most frequent first."""
    found = await clickhouse.query(limited(values_query(request, call.project.id), limits, call.timeout_s))
    rows = cast("Sequence[tuple[str, int, datetime | None]]", found.rows)
    return ListPropertyValuesResponse(values=[_Value(value=value, count=count, last_seen=last) for value, count, last in rows])


def values_query(request: ListPropertyValuesRequest, project_id: int) -> Sql:
    """The rows (value, count, last seen)."""
    if not 0 <= request.limit <= _MAX_LIMIT:
        raise InvalidArgument(
            f"At most {_MAX_LIMIT:,} values are listed, not {request.limit}.", field="limit", hint=f"0 means {_DEFAULT_LIMIT}."
        )
    try:
        return _query(request, project_id)
    except InvalidArgument as error:
        # Here the property is no field of a message inside the request.
        error.field = error.field.removeprefix(".")
        raise


def _query(request: ListPropertyValuesRequest, project_id: int) -> Sql:
    searched = containing(sql("value"), request.search)
    limit = unsigned(request.limit or _DEFAULT_LIMIT)
    if request.source == Source.SOURCE_PERSON:
        if request.event_name:
            raise InvalidArgument("A trait is of no event.", field="eventName", hint="Leave it out, or ask for SOURCE_EVENT.")
        traits = latest_traits(project_id, trait(request.property, "").text())
        return sql(_OF_PERSONS, traits=traits, searched=searched, limit=limit)
    # Says what is wrong with the key or the source. A session's value is one of its events'.
    event_property(request.property, Source.SOURCE_EVENT if request.source == Source.SOURCE_SESSION else request.source, "")
    return sql(
        _OF_EVENTS,
        project=unsigned(project_id),
        key=text(request.property),
        named=sql("AND name = {name}", name=text(request.event_name)) if request.event_name else sql(""),
        searched=searched,
        limit=limit,
    )
