"""What is to be removed: what some distinct ids did, what happened before an instant, or a whole project."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import LiteralString, cast

from core.person_ids import person_id
from core.sql import Sql, any_of, instant, integers, sql, texts, unsigned, unsigneds

# A column with a hash, and the one with the text it is the hash of.
Pair = tuple[LiteralString, LiteralString]
OF_EVENT: Pair = ("distinct_hash", "distinct_id")


@dataclass(frozen=True)
class OfIds:
    """The events of some distinct ids of a project, and who they are."""

    project_id: int
    distinct_ids: tuple[str, ...]

    @cached_property
    def hashes(self) -> tuple[int, ...]:
        """What the ids are told apart by."""
        return tuple(int(person_id(distinct_id), 16) for distinct_id in self.distinct_ids)

    def events(self) -> Sql:
        """Holds for its events."""
        return self.rows(OF_EVENT)

    def rows(self, *pairs: Pair) -> Sql:
        """Holds for the rows in which one of the pairs of columns names one of the ids."""
        named = [
            sql(
                "{hash} IN {hashes} AND {id} IN {ids}",
                hash=sql(hash_column),
                hashes=unsigneds(self.hashes),
                id=sql(id_column),
                ids=texts(self.distinct_ids),
            )
            for hash_column, id_column in pairs
        ]
        return sql("project_id = {project} AND {named}", project=unsigned(self.project_id), named=any_of(named))


@dataclass(frozen=True)
class Before:
    """The events of a project that occurred before an instant."""

    project_id: int
    instant: datetime

    def events(self) -> Sql:
        """Holds for its events."""
        return sql("project_id = {project} AND occurred_at < {instant}", project=unsigned(self.project_id), instant=instant(self.instant))


@dataclass(frozen=True)
class OfProject:
    """All there is of a project."""

    project_id: int

    def events(self) -> Sql:
        """Holds for its events."""
        return sql("project_id = {project}", project=unsigned(self.project_id))


Share = OfIds | Before | OfProject


def written(share: Share) -> str:
    """The share as text, the same for the same share."""
    match share:
        case OfIds():
            given: object = sorted(set(share.distinct_ids))
        case Before():
            given = share.instant.isoformat()
        case OfProject():
            given = None
    return json.dumps([type(share).__name__, share.project_id, given])


def read(text: str) -> Share:
    """The share that was written so."""
    match json.loads(text):
        case ["OfIds", int() as project_id, [*ids]]:
            return OfIds(project_id, tuple(cast("list[str]", ids)))
        case ["Before", int() as project_id, str() as when]:
            return Before(project_id, datetime.fromisoformat(when))
        case [_, int() as project_id, None]:
            return OfProject(project_id)
        case other:
            raise ValueError(f"No share: {other!r}")


def digest(share: Share) -> str:
    """What a share is called, without saying whose it is: 32 hexadecimal digits."""
    return hashlib.sha256(written(share).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Portion:
    """The events of a share that were stored when its removal began: of each writer up to its last block then.

    A writer's blocks are numbered upwards, so no event joins the portion later, whatever comes in meanwhile.
    """

    share: Share
    # By the writer's number, in microseconds like `stored_at`.
    last_blocks: tuple[int, ...]

    def leaving(self) -> Sql:
        """Holds for the events of the portion."""
        return sql("{share} AND {stored}", share=self.share.events(), stored=self._stored())

    def staying(self) -> Sql:
        """Holds for the project's other events."""
        return sql("project_id = {project} AND NOT ({leaving})", project=unsigned(self.share.project_id), leaving=self.leaving())

    def _stored(self) -> Sql:
        return sql(
            "toUnixTimestamp64Micro(stored_at) <= arrayElement({last_blocks}, bitAnd(toUnixTimestamp64Micro(stored_at), 15) + 1)",
            last_blocks=integers(self.last_blocks),
        )
