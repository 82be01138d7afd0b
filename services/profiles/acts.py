"""What can be done to the people of a project, and what comes of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from core.errors import PugError
from services.profiles.traits import Json, TraitChange
from services.rpc.call import Call

Outcome_co = TypeVar("Outcome_co", covariant=True)


class Act(Generic[Outcome_co]):
    """Something done to people, and what its caller is told."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """An act that tied an id to another."""

    id: str
    kind: str
    tied: str
    tied_to: str
    version: int
    created_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Identified:
    """Whose the id is, and the version from which on it holds."""

    root: str
    version: int


@dataclass(frozen=True, slots=True)
class TraitsSet:
    """Whose traits they are, all of them, and the version from which on they are so."""

    root: str
    traits: Json
    version: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The tie, and the root of both."""

    tie: Tie
    root: str


@dataclass(frozen=True, slots=True)
class Unmerged:
    """The tie that was taken back, and the version from which on it holds no more."""

    tie: Tie
    version: int


@dataclass(frozen=True, slots=True)
class Identify(Act[Identified]):
    """Tie an id to the person known by another."""

    distinct_id: str
    external_id: str
    change: TraitChange


@dataclass(frozen=True, slots=True)
class SetTraits(Act[TraitsSet]):
    """Change the traits of the person an id belongs to."""

    distinct_id: str
    change: TraitChange


@dataclass(frozen=True, slots=True)
class Merge(Act[Merged]):
    """Tie one person to another."""

    tied: str
    tied_to: str
    # Whose it is: the org's log says so.
    call: Call


@dataclass(frozen=True, slots=True)
class Unmerge(Act[Unmerged]):
    """Take a tie back."""

    tie_id: uuid.UUID
    call: Call


Joining = Identify | SetTraits | Merge
# What becomes of each act of a batch.
Outcomes = Sequence[Identified | TraitsSet | Merged | Unmerged | PugError]
