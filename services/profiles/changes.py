"""What a batch of acts comes to: the rows that PostgreSQL is to hold, and those that ClickHouse is to be told."""

from dataclasses import dataclass, field

from services.profiles.acts import Tie
from services.profiles.traits import Json, Traits


@dataclass(slots=True)
class Changes:
    """Collected act by act; of what several acts change only the last is kept, but ClickHouse is told each version."""

    # Ids nobody knew before, in the order they came; each is a root unless `roots` says otherwise.
    made: list[str] = field(default_factory=list[str])
    # Ids somebody was identified by for the first time, with the version from which on that is known.
    identified: dict[str, int] = field(default_factory=dict[str, int])
    # The roots of single ids.
    roots: dict[str, str] = field(default_factory=dict[str, str])
    # The roots of all ids that had a certain root before. They may be very many, so that only PostgreSQL knows which.
    roots_of_all: dict[str, str] = field(default_factory=dict[str, str])
    # What is known of roots.
    traits: dict[str, Traits] = field(default_factory=dict[str, Traits])
    ties: list[Tie] = field(default_factory=list[Tie])
    undone: list[str] = field(default_factory=list[str])
    # For ClickHouse: version, id, its root; version, root of all these ids before, their root; by version and root all traits.
    told: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    told_of_all: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    told_traits: dict[tuple[int, str], Json] = field(default_factory=dict[tuple[int, str], Json])

    def __bool__(self) -> bool:
        """Whether there is anything to write; whoever makes an id need not make a version."""
        return bool(self.made or self.identified or self.traits or self.ties or self.undone)

    def move(self, one: str, root: str, version: int) -> None:
        """Give a single id another root."""
        self.roots[one] = root
        self.told.append((version, one, root))

    def move_all(self, former: str, root: str, version: int) -> None:
        """Give all ids of a root another one."""
        self.roots_of_all[former] = root
        self.told_of_all.append((version, former, root))

    def keep(self, root: str, traits: Traits, version: int) -> None:
        """Keep a person's traits; of one version the last word counts."""
        self.traits[root] = traits
        self.told_traits[version, root] = traits.all
