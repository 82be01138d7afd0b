"""Finds persons in ClickHouse, who was seen last first; then those without an event. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from core.errors import InvalidArgument, TooLong, TooMany
from core.instants import at_milliseconds
from core.sql import Sql, Value, all_of, instant, sql, text, unsigned
from pug.insights.v1.filter_pb2 import Filter, FilterGroup, Source
from pug.profiles.v1.profiles_pb2 import ListPersonsRequest
from services.insights.filters import Placed, condition, groups_inside, in_group, joined, operator_of, patterns
from services.insights.operands import Operands
from services.insights.patterns import check_sizes
from services.insights.people import AsOf
from services.insights.properties import trait
from services.profiles.activity import sessions
from services.profiles.facts import holds

_MAX_SEARCH = 200
_MAX_ACTIVITY = 20
_MAX_FILTERS = 100

_SEEN = """{ties}
SELECT person, toUnixTimestamp64Milli(last) AS last_ms
FROM
(
    SELECT
        person, sum(count) AS events, min(first_seen) AS first, max(last_seen) AS last, sum(page_views) AS views,
        max(browser) AS last_browser, max(os) AS last_os, max(device) AS last_device, max(country) AS last_country, max(city) AS last_city
    FROM
    (
        SELECT {person} AS person, count, first_seen, last_seen, page_views, browser, os, device, country, city
        FROM person_activity
        WHERE project_id = {project} AND {is_one}
    )
    GROUP BY person
    HAVING {after}
) AS persons{sessions}
WHERE {did}
ORDER BY last DESC, person
LIMIT {rows}"""

# Those of whom PostgreSQL knows something; who became part of another is nobody of their own.
_UNSEEN = """{ties}
SELECT person, NULL AS last_ms
FROM
(
    SELECT DISTINCT {person} AS person
    FROM
    (
        SELECT person_hash AS known FROM person_traits WHERE project_id = {project} AND version <= {version}
        UNION ALL
        SELECT person_hash AS known FROM person_ties WHERE project_id = {project} AND version <= {version}
        UNION ALL
        SELECT distinct_hash AS known FROM identified_ids WHERE project_id = {project}
    )
    WHERE person NOT IN (SELECT {seen} FROM person_activity WHERE project_id = {project}) AND {after} AND {is_one}
) AS persons
CROSS JOIN
(
    SELECT
        0 AS events, toDateTime64(0, 3, 'UTC') AS first, first AS last, 0 AS views, 0 AS sessions,
        '' AS last_browser, '' AS last_os, '' AS last_device, '' AS last_country, '' AS last_city
) AS nothing
WHERE {did}
ORDER BY person
LIMIT {rows}"""

_SEARCH = """person IN
    (
        SELECT {seen} FROM person_activity WHERE project_id = {project} AND positionCaseInsensitiveUTF8(distinct_id, {search}) > 0
        UNION ALL
        SELECT argMax(person_hash, version)
        FROM person_ties
        WHERE project_id = {project} AND version <= {version}
        GROUP BY distinct_hash
        HAVING positionCaseInsensitiveUTF8(concat(any(distinct_id), '\\n', argMax(root, version)), {search}) > 0
        UNION ALL
        SELECT person_hash
        FROM person_traits
        WHERE project_id = {project} AND version <= {version}
        GROUP BY person_hash
        HAVING argMax(positionCaseInsensitiveUTF8(words, {search}) > 0, version)
    )"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands in the list: when they were last seen, in milliseconds, None for never; and their hash."""

    last_ms: int | None
    person: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Which persons of a project are looked for."""

    project_id: int
    request: ListPersonsRequest
    as_of: AsOf

    def seen(self, after: Place | None, rows: int) -> Sql:
        """Those with events, as rows (person, last seen in milliseconds)."""
        return sql(
            _SEEN,
            **self._common(rows),
            person=self.as_of.people.person(),
            after=_after_seen(after),
            sessions=self._sessions(),
        )

    def unseen(self, after: Place | None, rows: int) -> Sql:
        """Those without."""
        return sql(
            _UNSEEN,
            **self._common(rows),
            version=unsigned(self.as_of.people.version),
            person=self.as_of.people.person(sql("known")),
            seen=self.as_of.people.person(),
            after=sql("person > {hash}", hash=unsigned(after.person)) if after and after.last_ms is None else sql("true"),
        )

    def _common(self, rows: int) -> dict[str, Sql | Value]:
        return {
            "ties": self.as_of.people.ties(),
            "project": unsigned(self.project_id),
            "is_one": all_of(self._of_persons()),
            "did": all_of(self._of_activity()),
            "rows": unsigned(rows),
        }

    def _of_activity(self) -> list[Sql]:
        """What has to hold for what somebody did."""
        if len(self.request.activity) > _MAX_ACTIVITY:
            raise TooMany(f"At most {_MAX_ACTIVITY} facts are compared.", field="activity", hint="Leave some out.")
        placed = [(spec, f"activity[{place}]") for place, spec in enumerate(self.request.activity)]
        check_sizes(patterns([Placed(Filter(op=spec.op, values=spec.values), field) for spec, field in placed]))
        return [holds(spec, field, self.as_of.now) for spec, field in placed]

    def _of_persons(self) -> list[Sql]:
        """What has to hold for who somebody is, whatever they did: it is asked first, so that less is added up."""
        request = self.request
        check_filters(request.filters, "filters")
        conditions: list[Sql] = []
        if request.filters.ByteSize():
            conditions.append(joined(request.filters, "filters", self._filter))
        if request.search:
            conditions.append(self._search(request.search))
        identified = sql(
            "person IN (SELECT {person} FROM identified_ids WHERE project_id = {project})",
            person=self.as_of.people.person(),
            project=unsigned(self.project_id),
        )
        match request.known:
            case ListPersonsRequest.KNOWN_UNSPECIFIED:
                pass
            case ListPersonsRequest.KNOWN_IDENTIFIED:
                conditions.append(identified)
            case ListPersonsRequest.KNOWN_ANONYMOUS:
                conditions.append(sql("NOT ({identified})", identified=identified))
            case unknown:
                raise InvalidArgument(f"There is no known {unknown}.", field="known", hint="Use KNOWN_IDENTIFIED or KNOWN_ANONYMOUS.")
        return conditions

    def _filter(self, spec: Filter, field: str) -> Sql:
        """On traits: of the person. On events: whether one of theirs passes."""
        if spec.source == Source.SOURCE_PERSON:
            found = trait(spec.property, field)
            operator = operator_of(spec.op, field)
            has = self.as_of.people.have(operator.compare(found, Operands(spec.values, f"{field}.values"), self.as_of.now), sql("person"))
            return sql("NOT ({has})", has=has) if operator.negated else has
        return sql(
            "person IN (SELECT {person} FROM events WHERE project_id = {project} AND cookieless = 0 AND {passes})",
            person=self.as_of.people.person(),
            project=unsigned(self.project_id),
            passes=condition(spec, field, self.as_of),
        )

    def _search(self, search: str) -> Sql:
        if len(search) > _MAX_SEARCH:
            raise TooLong(f"A search has at most {_MAX_SEARCH} characters.", field="search", hint="Search for a part of it.")
        people = self.as_of.people
        return sql(
            _SEARCH,
            seen=people.person(),
            project=unsigned(self.project_id),
            version=unsigned(people.version),
            search=text(search),
        )

    def _sessions(self) -> Sql:
        """Only when they are asked for: they are counted from the events."""
        if not any(spec.field == ListPersonsRequest.ActivityFilter.FIELD_SESSIONS for spec in self.request.activity):
            return sql("")
        counted = sessions(self.as_of.people.person(), self.project_id, sql("true"))
        return sql("\nLEFT ANY JOIN ({counted}) AS counted USING (person)", counted=counted)


def shape(rows: Sequence[Sequence[object]]) -> list[Place]:
    """The places of the persons found."""
    return [Place(last_ms, person) for person, last_ms in cast("Sequence[tuple[int, int | None]]", rows)]


def check_filters(group: FilterGroup, field: str) -> None:
    """Refuse more filters and groups than one request may have."""
    if len(in_group(group, field)) > _MAX_FILTERS or groups_inside(group) > _MAX_FILTERS:
        raise TooMany(f"At most {_MAX_FILTERS} filters and as many groups are allowed.", field=field, hint="OP_IS takes many values.")
    check_sizes(patterns(in_group(group, field)))


def _after_seen(after: Place | None) -> Sql:
    if after is None or after.last_ms is None:
        return sql("true")
    last = instant(at_milliseconds(after.last_ms))
    return sql("(last < {last} OR (last = {last} AND person > {hash}))", last=last, hash=unsigned(after.person))
