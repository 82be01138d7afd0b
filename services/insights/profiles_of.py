"""Turns persons as a query finds them, by the hashes they are told apart by, into messages that say who they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from core.person_ids import id_of_hash
from core.sql import Sql, sql, unsigned, unsigneds
from pug.insights.v1.person_pb2 import Person
from services.insights.ranges import EVER
from services.insights.scope import Scope
from services.insights.tables import EVENTS
from services.rpc.pages import MOST_VALUES, values_in_json

# A person is called by the id whose hash they are told apart by: that of their ties, or else the one their events came with. The first part
# of the union stops once it has found everybody.
_NAMED = """
SELECT person, max(called) AS distinct_id, max(traits_json) AS traits
FROM
(
    SELECT person, called, '' AS traits_json
    FROM {events} AS event
    LIMIT 1 BY person
    LIMIT {count}
    UNION ALL
    SELECT person_hash, any(root), ''
    FROM person_ties
    WHERE project_id = {project} AND version <= {version} AND person_hash IN {persons}
    GROUP BY person_hash
    UNION ALL
    SELECT person_hash, any(root), argMax(toJSONString(traits), version)
    FROM person_traits
    WHERE project_id = {project} AND version <= {version} AND person_hash IN {persons}
    GROUP BY person_hash
)
GROUP BY person
ORDER BY person"""


def people_named(hashes: Sequence[int], scope: Scope) -> Sql:
    """The rows (person, distinct id, traits as JSON) of those persons, whenever they did something, as of the scope's identity."""
    persons = unsigneds(hashes)
    columns = [sql("distinct_hash AS person"), sql("distinct_id AS called")]
    theirs = sql("distinct_hash IN {persons}", persons=persons)
    on_events = replace(scope, filters=None, as_of=replace(scope.as_of, table=EVENTS))
    return sql(
        _NAMED,
        events=on_events.events(columns, [theirs], within=EVER),
        count=unsigned(len(hashes)),
        project=unsigned(scope.project.id),
        version=unsigned(scope.as_of.people.version),
        persons=persons,
    )


def named_persons(rows: Sequence[Sequence[object]]) -> Mapping[str, Person]:
    """The persons by their ids; after so many values in traits, the further ones without theirs."""
    found: dict[str, Person] = {}
    left = MOST_VALUES
    for person, distinct_id, traits in cast("Sequence[tuple[int, str, str]]", rows):
        left -= values_in_json(traits) if traits else 0
        known = ParseDict(json.loads(traits), Struct()) if traits and left >= 0 else None
        found[id_of_hash(person)] = Person(id=id_of_hash(person), distinct_id=distinct_id, traits=known)
    return found
