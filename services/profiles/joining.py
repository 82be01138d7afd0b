"""What becomes of the persons a batch of acts names: pure.

Of a person it is enough to know the root, the traits, and whether somebody was identified by any of the ids: the others go where the root
goes, however many they are. Acts that take ties back need more (parting.py).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from core.errors import AlreadyIdentified, AlreadyOnePerson, Erased, PugError
from services.profiles.acts import Identified, Identify, Joining, Merge, Merged, Outcomes, SetTraits, Tie, TraitsSet
from services.profiles.changes import Changes
from services.profiles.traits import Json, TraitChange, Traits


@dataclass(frozen=True, slots=True)
class KnownId:
    """An id that is there; `person` is what is known of the person when it is the root."""

    distinct_id: str
    root: str
    identified: bool
    person: "KnownPerson | None"


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What is known of a person: the traits, and whether somebody was identified by any of their ids."""

    traits: Traits
    identified: bool


@dataclass(slots=True, eq=False)
class _Person:
    root: str
    traits: Traits
    identified: bool
    # Theirs are all ids that had one of these roots when the batch began; a new id counts as its own root.
    parts: list[str]


class Persons:
    """The persons a batch names, and what its acts change about them."""

    def __init__(
        self, known: Iterable[KnownId], version: int, now: datetime, new_id: Callable[[], str], erased: Collection[str] = ()
    ) -> None:
        """`known` are those of the named ids that are there, and their roots; `version` is the one they are of.

        Of the named ids the `erased` ones are refused.
        """
        known = list(known)
        self.version = version
        self.changes = Changes()
        self._now = now
        self._new_id = new_id
        self._erased = erased
        self._made: set[str] = set()
        self._part_of = {one.distinct_id: one.root for one in known}
        self._identified = {one.distinct_id for one in known if one.identified}
        self._person_of = {
            one.root: _Person(one.root, one.person.traits, one.person.identified, [one.root]) for one in known if one.person is not None
        }

    def perform(self, acts: Sequence[Joining]) -> Outcomes:
        """What comes of each act, in their order. One that cannot be changes nothing."""
        return [self._answered(act) for act in acts]

    def as_they_are(self, acts: Sequence[Joining]) -> Outcomes | None:
        """What comes of acts none of which changes anything; None as soon as one does."""
        outcomes: list[Identified | TraitsSet | Merged | PugError] = []
        for act in acts:
            outcomes.append(self._answered(act))
            if self.changes:
                return None
        return outcomes

    def _answered(self, act: Joining) -> Identified | TraitsSet | Merged | PugError:
        try:
            self._refuse_erased(act)
            match act:
                case Identify():
                    return self._identify(act)
                case SetTraits():
                    return self._set_traits(act)
                case Merge():
                    return self._merge(act)
                case _:
                    assert_never(act)
        except PugError as error:
            return error

    def _refuse_erased(self, act: Joining) -> None:
        field = next((field for field, one in fields_of(act) if one in self._erased), None)
        if field is not None:
            raise erased(field)

    # Each act first works out everything that may be refused, then changes something.

    def _identify(self, act: Identify) -> Identified:
        person = self._find(act.external_id)
        other = self._find(act.distinct_id, person)
        if other is not person and other.identified:
            raise AlreadyIdentified(
                "The id belongs to another identified person already; nothing was changed.",
                field="distinctId",
                hint="If both are one person, Merge them; after a change of user on one device, send a new anonymous id.",
            )
        if other is person and act.external_id in self._identified and not _differs(person.traits.all, act.change):
            return Identified(person.root, self.version)
        traits = _joined(person, other).changed(act.change)
        self._make(act.external_id, person)
        self._make(act.distinct_id, other)
        self.version += other is not person or traits != person.traits or act.external_id not in self._identified
        self._mark_identified(act.external_id, person)
        if other is not person:
            self._tie("identify", (act.distinct_id, other), (act.external_id, person))
        self._keep(person, traits)
        return Identified(person.root, self.version)

    def _set_traits(self, act: SetTraits) -> TraitsSet:
        person = self._find(act.distinct_id)
        traits = person.traits.changed(act.change)
        self._make(act.distinct_id, person)
        self.version += traits != person.traits
        self._keep(person, traits)
        return TraitsSet(person.root, traits.all, self.version)

    def _merge(self, act: Merge) -> Merged:
        person = self._find(act.tied_to)
        other = self._find(act.tied, person)
        if other is person:
            raise AlreadyOnePerson("Both ids are one person already.", field="from", hint="ListMerges shows the tie.")
        traits = _joined(person, other)
        self._make(act.tied, other)
        self._make(act.tied_to, person)
        self.version += 1
        tie = self._tie("merge", (act.tied, other), (act.tied_to, person))
        self._keep(person, traits)
        return Merged(tie, person.root)

    def _find(self, distinct_id: str, draft: _Person | None = None) -> _Person:
        """The person an id belongs to; of a new id a draft of one, which may be there already."""
        if (part := self._part_of.get(distinct_id)) is not None:
            return self._person_of[part]
        if draft is not None and draft.root == distinct_id:
            return draft
        return _Person(distinct_id, Traits({}, {}), identified=False, parts=[distinct_id])

    def _make(self, distinct_id: str, person: _Person) -> None:
        if distinct_id in self._part_of:
            return
        self._part_of[distinct_id] = distinct_id
        self._person_of[distinct_id] = person
        self._made.add(distinct_id)
        self.changes.made.append(distinct_id)

    def _mark_identified(self, external_id: str, person: _Person) -> None:
        if external_id not in self._identified:
            self._identified.add(external_id)
            self.changes.identified[external_id] = self.version
        person.identified = True

    def _tie(self, kind: str, one: tuple[str, _Person], other: tuple[str, _Person]) -> Tie:
        """Tie an id, and with it its person, to another's."""
        (tied, joining), (tied_to, person) = one, other
        for part in joining.parts:
            self._person_of[part] = person
            move = self.changes.move if part in self._made else self.changes.move_all
            move(part, person.root, self.version)
        person.parts += joining.parts
        person.identified |= joining.identified
        tie = Tie(self._new_id(), kind, tied, tied_to, self.version, self._now, None)
        self.changes.ties.append(tie)
        return tie

    def _keep(self, person: _Person, traits: Traits) -> None:
        if traits != person.traits:
            person.traits = traits
            self.changes.keep(person.root, traits, self.version)


def fields_of(act: Joining) -> Sequence[tuple[str, str]]:
    """The ids an act names, each with the field of the request it came in."""
    match act:
        case Identify():
            return ("distinctId", act.distinct_id), ("externalId", act.external_id)
        case SetTraits():
            return (("distinctId", act.distinct_id),)
        case Merge():
            return ("from", act.tied), ("into", act.tied_to)
        case _:
            assert_never(act)


def erased(field: str) -> Erased:
    """An id in a field of the request is not taken in any more."""
    return Erased(
        "The person of this id was erased, and the id is refused for good; nothing was changed.", field=field, hint="Use a new id."
    )


def _joined(person: _Person, other: _Person) -> Traits:
    return person.traits if other is person else person.traits.filled(other.traits.all)


def _differs(traits: Json, change: TraitChange) -> bool:
    return any(traits.get(key) != value for key, value in change.set.items())
