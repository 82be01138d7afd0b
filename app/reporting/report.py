"""What a process says of itself and of ClickHouse, which may live in it and answers nobody else then."""

from dataclasses import dataclass
from datetime import datetime

from core.pulse import Block, SlowQuery


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ClickHouse, as it lies on the disk."""

    name: str
    rows: int
    bytes: int
    parts: int


@dataclass(frozen=True, slots=True)
class Store:
    """ClickHouse as a process found it at `asked_at`; disks are told by the one that has the least room."""

    asked_at: datetime
    # Its own clock then, which says how far the two are apart.
    clock: datetime
    version: str
    disk_free: int
    disk_size: int
    memory_bytes: int
    # In how many parts the partition is that has the most: past some thousand, ClickHouse refuses inserts.
    most_parts: int
    tables: tuple[Table, ...]
    # The last of the numbered migrations it has had.
    schema: str

    @property
    def bytes(self) -> int:
        """What Pug's tables take."""
        return sum(table.bytes for table in self.tables)

    @property
    def parts(self) -> int:
        """Of how many parts Pug's tables are."""
        return sum(table.parts for table in self.tables)


@dataclass(frozen=True, slots=True)
class People:
    """What PostgreSQL says of who is who and ClickHouse hasn't been told."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Report:
    """One process of Pug, at an instant of its own clock."""

    at: datetime
    host: str
    pid: int
    version: str
    roles: tuple[str, ...]
    started_at: datetime
    memory_bytes: int
    # Of the last minute, a second.
    accepted: float
    stored: float
    queries: float
    last_block: Block | None = None
    slow: tuple[SlowQuery, ...] = ()
    # None in a process that has nothing to do with ClickHouse, or has not got an answer from it.
    store: Store | None = None
    # Whether it could be asked just now.
    store_answers: bool = True
