"""Asks which of the names in a question were ever sent, and which that were are near one that wasn't."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import LiteralString

from core.sql import Sql, join, sql, text, texts, unsigned

# How many characters of a name are compared: comparing takes their square.
COMPARED = 64
# How many names are compared with, and how many of them are found near.
_MAX_READ, _NEAR = 10_000, 8


class Kind(StrEnum):
    """What a name is of."""

    EVENT = "event"
    PROPERTY = "property"
    TRAIT = "trait"


_READ: dict[Kind, LiteralString] = {
    Kind.EVENT: "SELECT DISTINCT name FROM schema_events WHERE project_id = {project} LIMIT {most}",
    Kind.PROPERTY: "SELECT DISTINCT key AS name FROM schema_properties WHERE project_id = {project} LIMIT {most}",
    Kind.TRAIT: "SELECT DISTINCT arrayJoin(JSONAllPaths(traits)) AS name FROM person_traits WHERE project_id = {project} LIMIT {most}",
}

_SENT_EVENTS = """
SELECT {kind} AS kind, name AS wanted
FROM schema_events
WHERE project_id = {project} AND name IN {wanted}
GROUP BY name"""

# Of an object only what is in it was sent.
_SENT_KEYS = """
SELECT {kind} AS kind, wanted
FROM ({names})
ARRAY JOIN {wanted} AS wanted
WHERE name = wanted OR startsWith(name, concat(wanted, '.'))
GROUP BY wanted"""

_NEAREST = """
SELECT {kind} AS kind, {wanted} AS wanted, arrayMap(one -> one.2, groupArraySorted({near})((distance, name))) AS nearest
FROM
(
    SELECT name, editDistanceUTF8(lowerUTF8(leftUTF8(name, {compared})), lowerUTF8(leftUTF8({wanted}, {compared}))) AS distance
    FROM ({names})
)
HAVING notEmpty(nearest)"""


def sent_query(project_id: int, events: Sequence[str], keys: Sequence[str]) -> Sql:
    """The rows (kind, name) of those that were sent. Keys are looked for among properties and traits."""
    parts: list[Sql] = []
    if events:
        parts.append(sql(_SENT_EVENTS, kind=text(Kind.EVENT), project=unsigned(project_id), wanted=texts(events)))
    if keys:
        of_keys = (Kind.PROPERTY, Kind.TRAIT)
        parts += [sql(_SENT_KEYS, kind=text(kind), names=_names(kind, project_id), wanted=texts(keys)) for kind in of_keys]
    return join("\nUNION ALL", parts)


def nearest_query(project_id: int, unsent: Iterable[tuple[Kind, str]]) -> Sql:
    """The rows (kind, name, names near it), without those of kinds a project has sent none of."""
    parts = [
        sql(
            _NEAREST,
            kind=text(kind),
            wanted=text(wanted),
            near=unsigned(_NEAR),
            compared=unsigned(COMPARED),
            names=_names(kind, project_id),
        )
        for kind, wanted in unsent
    ]
    return join("\nUNION ALL", parts)


def _names(kind: Kind, project_id: int) -> Sql:
    return sql(_READ[kind], project=unsigned(project_id), most=unsigned(_MAX_READ))
