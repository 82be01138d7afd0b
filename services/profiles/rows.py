"""Reads from PostgreSQL what a batch of acts needs to know, and writes what comes of it: a few statements, however many acts."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.person_ids import person_id
from services.profiles.acts import Tie
from services.profiles.changes import Changes
from services.profiles.joining import KnownId, KnownPerson
from services.profiles.parting import WholeId
from services.profiles.traits import Traits, stored

_LOCK = text("SELECT version, clock_timestamp() AS now FROM identity_versions WHERE project_id = :project FOR UPDATE")
_FIRST = text("INSERT INTO identity_versions (project_id, version) VALUES (:project, 0) ON CONFLICT DO NOTHING")

# Each id is looked up by itself, LIMIT keeps it so, and so are those below. Of a new project PostgreSQL's statistics know nothing: a join,
# planned for one id, would compare all that are wanted with all there are.
_KNOWN = text("""
    WITH named AS MATERIALIZED (
        SELECT one.* FROM unnest(CAST(:ids AS text[])) AS wanted (distinct_id) CROSS JOIN LATERAL (
            SELECT * FROM distinct_ids WHERE project_id = :project AND distinct_id = wanted.distinct_id LIMIT 1
        ) AS one
    ),
    known AS (
        SELECT * FROM named
        UNION ALL
        SELECT one.* FROM (SELECT DISTINCT root FROM named WHERE root != distinct_id) AS wanted CROSS JOIN LATERAL (
            SELECT * FROM distinct_ids WHERE project_id = :project AND distinct_id = wanted.root LIMIT 1
        ) AS one
    )
    SELECT
        versions.version, distinct_id, root, identified, root = distinct_id AS is_root,
        CASE WHEN root = distinct_id THEN CAST(own_traits AS text) END AS own_traits,
        CASE WHEN root = distinct_id THEN CAST(traits AS text) END AS traits,
        root = distinct_id AND (identified OR EXISTS (
            SELECT FROM distinct_ids AS theirs WHERE theirs.project_id = :project AND theirs.root = known.root AND theirs.identified
        )) AS somebody
    FROM (SELECT coalesce(max(version), 0) AS version FROM identity_versions WHERE project_id = :project) AS versions
    LEFT JOIN known ON true
""")

_TIES = text("SELECT * FROM ties WHERE project_id = :project AND id = ANY(CAST(:ties AS uuid[]))")
_WHOLE = text("""
    SELECT distinct_id, root, CAST(nullif(own_traits, '{}') AS text) AS own_traits FROM distinct_ids
    WHERE project_id = :project AND root = ANY(ARRAY(
        SELECT root FROM distinct_ids WHERE project_id = :project AND distinct_id = ANY(CAST(:ids AS text[]))
    ))
""")
_HOLDING = text("""
    SELECT * FROM ties WHERE project_id = :project AND tied = ANY(CAST(:ids AS text[])) AND undone_at IS NULL ORDER BY version
""")

_TELL_OF_ALL = text("""
    INSERT INTO identity_changes (project_id, version, distinct_id, root)
    SELECT :project, :version, distinct_id, :root FROM distinct_ids WHERE project_id = :project AND root = :former
""")
_MOVE_ALL = text("UPDATE distinct_ids SET root = :root WHERE project_id = :project AND root = :former")
_MOVE = text("UPDATE distinct_ids SET root = :root WHERE project_id = :project AND distinct_id = ANY(CAST(:ids AS text[]))")
_IDENTIFY = text("UPDATE distinct_ids SET identified = true WHERE project_id = :project AND distinct_id = ANY(CAST(:ids AS text[]))")
_KEEP = text("""
    UPDATE distinct_ids SET own_traits = CAST(:own AS jsonb), traits = CAST(:all AS jsonb)
    WHERE project_id = :project AND distinct_id = :id
""")
_MAKE = text("""
    INSERT INTO distinct_ids (project_id, distinct_id, person_id, root, identified, own_traits, traits, created_at)
    SELECT
        :project, distinct_id, person_id, root, identified, CAST(own_traits AS jsonb), CAST(traits AS jsonb),
        -- So that the ids of one batch, too, are listed in the order they came.
        CAST(:now AS timestamptz) + place * INTERVAL '1 microsecond'
    FROM unnest(
        CAST(:ids AS text[]), CAST(:persons AS text[]), CAST(:roots AS text[]), CAST(:identified AS boolean[]), CAST(:own AS text[]),
        CAST(:all AS text[])
    ) WITH ORDINALITY AS new (distinct_id, person_id, root, identified, own_traits, traits, place)
""")
_TIE = text("""
    INSERT INTO ties (project_id, id, version, kind, tied, tied_to, created_at)
    SELECT :project, id, version, kind, tied, tied_to, :now
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:kinds AS text[]), CAST(:tied AS text[]), CAST(:tied_to AS text[])
    ) AS new (id, version, kind, tied, tied_to)
""")
_UNDO = text("UPDATE ties SET undone_at = :now WHERE project_id = :project AND id = ANY(CAST(:ties AS uuid[]))")
_TELL = text("""
    WITH told AS (
        INSERT INTO identity_changes (project_id, version, distinct_id, root, traits, identified)
        SELECT :project, version, distinct_id, root, CAST(traits AS jsonb), identified
        FROM unnest(
            CAST(:versions AS bigint[]), CAST(:ids AS text[]), CAST(:roots AS text[]), CAST(:traits AS text[]),
            CAST(:identified AS boolean[])
        ) AS new (version, distinct_id, root, traits, identified)
    )
    UPDATE identity_versions SET version = :version WHERE project_id = :project
""")


async def lock(connection: AsyncConnection, project_id: int) -> datetime:
    """Wait until nobody else changes the people of the project, and until the transaction ends be who does; returns the instant."""
    found = (await connection.execute(_LOCK, {"project": project_id})).one_or_none()
    if found is None:
        await connection.execute(_FIRST, {"project": project_id})
        found = (await connection.execute(_LOCK, {"project": project_id})).one()
    return found.now


async def known(connection: AsyncConnection, project_id: int, ids: Iterable[str]) -> tuple[int, list[KnownId]]:
    """The version of a project's identity, and those of the ids that are there and their roots as of it."""
    found = (await connection.execute(_KNOWN, {"project": project_id, "ids": list(ids)})).all()
    return int(found[0].version), [
        KnownId(
            row.distinct_id,
            row.root,
            row.identified,
            KnownPerson(Traits(stored(row.own_traits), stored(row.traits)), row.somebody) if row.is_root else None,
        )
        for row in found
        if row.distinct_id is not None
    ]


async def named_ties(connection: AsyncConnection, project_id: int, ties: Sequence[str]) -> list[Tie]:
    """Ties by their ids."""
    return [tie_of(row) for row in (await connection.execute(_TIES, {"project": project_id, "ties": ties})).mappings()]


async def whole(connection: AsyncConnection, project_id: int, ids: Sequence[str]) -> tuple[int, list[WholeId], list[Tie]]:
    """The version of a project's identity, all ids of the persons of some ids, and the ties that hold between those, oldest first."""
    version, _ = await known(connection, project_id, ())
    theirs = [
        WholeId(row.distinct_id, row.root, stored(row.own_traits) if row.own_traits else {})
        for row in await connection.execute(_WHOLE, {"project": project_id, "ids": ids})
    ]
    holding = await connection.execute(_HOLDING, {"project": project_id, "ids": [one.distinct_id for one in theirs]})
    return version, theirs, [tie_of(row) for row in holding.mappings()]


async def write(connection: AsyncConnection, project_id: int, changes: Changes, version: int, now: datetime) -> None:
    """Keep what a batch comes to, by whoever holds the lock."""
    project, at = {"project": project_id}, {"project": project_id, "now": now}
    # Before anything moves: ids still have the roots they are named by.
    if changes.told_of_all:
        named = [project | {"version": version, "former": former, "root": root} for version, former, root in changes.told_of_all]
        await connection.execute(_TELL_OF_ALL, named)
        await connection.execute(_MOVE_ALL, [project | {"former": former, "root": root} for former, root in changes.roots_of_all.items()])
    await _change(connection, project_id, changes)
    if changes.made:
        await connection.execute(_MAKE, at | _made_columns(changes))
    if changes.ties:
        await connection.execute(_TIE, at | _tie_columns(changes.ties))
    if changes.undone:
        await connection.execute(_UNDO, at | {"ties": changes.undone})
    if changes.told or changes.told_of_all or changes.told_traits or changes.identified:
        await connection.execute(_TELL, project | {"version": version} | _told_columns(changes))


async def _change(connection: AsyncConnection, project_id: int, changes: Changes) -> None:
    """What is new about single ids that were there before."""
    project, made = {"project": project_id}, set(changes.made)
    moved: dict[str, list[str]] = {}
    for one, root in changes.roots.items():
        if one not in made:
            moved.setdefault(root, []).append(one)
    if moved:
        await connection.execute(_MOVE, [project | {"root": root, "ids": ids} for root, ids in moved.items()])
    if identified := changes.identified.keys() - made:
        await connection.execute(_IDENTIFY, project | {"ids": sorted(identified)})
    if kept := [(one, traits) for one, traits in changes.traits.items() if one not in made]:
        named = [project | {"id": one, "own": json.dumps(traits.own), "all": json.dumps(traits.all)} for one, traits in kept]
        await connection.execute(_KEEP, named)


def tie_of(row: RowMapping) -> Tie:
    """The tie in a row of `ties`."""
    return Tie(str(row["id"]), row["kind"], row["tied"], row["tied_to"], int(row["version"]), row["created_at"], row["undone_at"])


def _made_columns(changes: Changes) -> dict[str, object]:
    ids = changes.made
    traits = [changes.traits.get(one) for one in ids]
    return {
        "ids": ids,
        "persons": [person_id(one) for one in ids],
        "roots": [changes.roots.get(one, one) for one in ids],
        "identified": [one in changes.identified for one in ids],
        "own": [json.dumps(each.own) if each else "{}" for each in traits],
        "all": [json.dumps(each.all) if each else "{}" for each in traits],
    }


def _tie_columns(ties: Sequence[Tie]) -> dict[str, object]:
    return {
        "ids": [tie.id for tie in ties],
        "versions": [tie.version for tie in ties],
        "kinds": [tie.kind for tie in ties],
        "tied": [tie.tied for tie in ties],
        "tied_to": [tie.tied_to for tie in ties],
    }


def _told_columns(changes: Changes) -> dict[str, object]:
    told = [
        *((version, one, root, None, False) for version, one, root in changes.told),
        *((version, root, root, json.dumps(traits), False) for (version, root), traits in changes.told_traits.items()),
        *((version, one, one, None, True) for one, version in changes.identified.items()),
    ]
    return {
        "versions": [version for version, *_ in told],
        "ids": [one for _, one, *_ in told],
        "roots": [root for _, _, root, *_ in told],
        "traits": [traits for *_, traits, _ in told],
        "identified": [identified for *_, identified in told],
    }
