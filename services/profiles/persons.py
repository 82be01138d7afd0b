"""Who is one person, from the ties that hold: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.profiles.traits import Json, Traits, alone


@dataclass(slots=True)
class Person:
    """The ids that hang together, and the traits of all of them."""

    traits: Traits
    distinct_ids: list[str] = field(default_factory=list[str])


def persons_of(own_traits: Mapping[str, Json], ties: Iterable[tuple[str, str]]) -> dict[str, Person]:
    """The persons by their roots, of ids with their own traits and of ties (id, tied to) in the order they were made.

    No tie is between ids that are one person by the ties before it.
    """
    persons = {one: Person(alone(own), [one]) for one, own in own_traits.items()}
    root_of = {one: one for one in own_traits}
    for tied, tied_to in ties:
        joined, person = persons.pop(root_of[tied]), persons[root_of[tied_to]]
        person.traits = person.traits.filled(joined.traits.all)
        person.distinct_ids += joined.distinct_ids
        root_of |= dict.fromkeys(joined.distinct_ids, root_of[tied_to])
    return persons
