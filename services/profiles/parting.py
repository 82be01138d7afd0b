"""What becomes of persons when ties between their ids are taken back: pure."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import AlreadyUnmerged, PugError, TieNotFound
from services.profiles.acts import Outcomes, Tie, Unmerge, Unmerged
from services.profiles.changes import Changes
from services.profiles.joining import erased
from services.profiles.persons import persons_of
from services.profiles.traits import Json


@dataclass(frozen=True, slots=True)
class WholeId:
    """An id of a person that is known whole: its root, and what was set on it."""

    distinct_id: str
    root: str
    own_traits: Json


class Parting:
    """Persons known whole, and what is changed about them by taking ties back."""

    def __init__(  # noqa: PLR0917 (each is another thing)
        self,
        named: Iterable[Tie],
        ids: Iterable[WholeId],
        holding: Iterable[Tie],
        version: int,
        now: datetime,
        refused: Collection[str] = (),
    ) -> None:
        """`ids` are all ids of the persons of the `named` ties, `holding` the ties that hold between them, in the order they came.

        Ties of `refused` ids stay as they are: those of whoever is being erased.
        """
        ids = list(ids)
        self.version = version
        self.changes = Changes()
        self._now = now
        self._refused = refused
        self._named: dict[str, Tie] = {tie.id: tie for tie in named}
        self._holding = {tie.id: (tie.tied, tie.tied_to) for tie in holding}
        self._root_of = {one.distinct_id: one.root for one in ids}
        self._own: Mapping[str, Json] = {one.distinct_id: one.own_traits for one in ids}

    def perform(self, acts: Sequence[Unmerge]) -> Outcomes:
        """What comes of each act, in their order. One that cannot be changes nothing."""
        return [self._unmerge(act.tie_id) for act in acts]

    def _unmerge(self, tie_id: uuid.UUID) -> Unmerged | PugError:
        """The persons of a tie's two ids are what the ties that still hold make them, in the order they came."""
        tie = self._named.get(str(tie_id))
        if tie is None:
            return TieNotFound("The project has no such merge.", field="mergeId", hint="ListMerges lists them.")
        if tie.tied in self._refused or tie.tied_to in self._refused:
            return erased("mergeId")
        if tie.undone_at is not None:
            return AlreadyUnmerged("This merge has been taken back already.", field="mergeId", hint="ListMerges shows which still hold.")
        self.version += 1
        self._named[tie.id] = tie = replace(tie, undone_at=self._now)
        self.changes.undone.append(tie.id)
        del self._holding[tie.id]
        self._part(self._root_of[tie.tied])
        return Unmerged(tie, self.version)

    def _part(self, whole: str) -> None:
        own = {one: self._own[one] for one, root in self._root_of.items() if root == whole}
        persons = persons_of(own, (named for named in self._holding.values() if named[0] in own))
        for root, person in persons.items():
            for one in person.distinct_ids if root != whole else ():
                self._root_of[one] = root
                self.changes.move(one, root, self.version)
            self.changes.keep(root, person.traits, self.version)
