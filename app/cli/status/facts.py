"""What `pug status` knows at an instant, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.cli.doctor.checks import Check, State
from app.disk import Space
from app.reporting.report import People, Report, Store
from core.pulse import Block, SlowQuery

# Events wait for their block and its insert, which is no lag.
_AT_WORK = timedelta(seconds=5)
_WORRYING = timedelta(minutes=1)
_FILLING, _FULL = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class EventStream:
    """What was accepted and is not stored yet; `subjects` says how many messages wait on each.

    Each of its partitions has a worker.
    """

    messages: int
    bytes: int
    max_bytes: int
    last_seq: int
    oldest: datetime | None
    subjects: Mapping[str, int]
    partitions: int = 1

    @property
    def taken(self) -> int:
        """How many messages have ever left it: places are given once, so all but those still there."""
        return self.last_seq - self.messages

    @property
    def fullness(self) -> float:
        """The part of its limit that is used."""
        return self.bytes / self.max_bytes if self.max_bytes > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Consumer:
    """How far a worker has come in the event stream."""

    name: str
    pending: int
    ack_pending: int
    delivered_seq: int
    active_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadStream:
    """What could never be stored."""

    letters: int
    bytes: int
    oldest: datetime | None
    last_reason: str


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """Erasures of people, or deletions of projects, that are not done."""

    open: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Turn:
    """Which process works: the one that holds PostgreSQL's lock of that name; `holder` is None when none does."""

    job: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class Schema:
    """How far PostgreSQL's schema is, and how far this version would bring it."""

    postgres: str
    expected: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one instant; None is what could not be asked."""

    at: datetime
    engines: tuple[Check, ...]
    events: EventStream | None = None
    consumers: tuple[Consumer, ...] = ()
    dead: DeadStream | None = None
    turns: tuple[Turn, ...] | None = None
    people: People | None = None
    erasures: OpenJobs | None = None
    deletions: OpenJobs | None = None
    # Those that answered.
    processes: tuple[Report, ...] | None = None
    # The disk of the data folder, where an engine keeps its data there.
    disk: Space | None = None
    schema: Schema | None = None

    @property
    def store(self) -> Store | None:
        """ClickHouse as the process found it that asked last."""
        known = [each.store for each in self.processes or () if each.store]
        return max(known, key=lambda store: store.asked_at, default=None)

    @property
    def disks(self) -> dict[str, Space]:
        """The disks that fill up, by what is on them."""
        found = {"data folder": self.disk} if self.disk else {}
        if self.store and not self.disk:
            found["ClickHouse"] = Space(self.store.disk_free, self.store.disk_size)
        return found

    @property
    def last_block(self) -> Block | None:
        """The latest of all workers."""
        blocks = [each.last_block for each in self.processes or () if each.last_block]
        return max(blocks, key=lambda block: block.stored_at, default=None)

    @property
    def slow(self) -> list[SlowQuery]:
        """The slow queries of the last hour, the slowest first."""
        return sorted((query for each in self.processes or () for query in each.slow), key=lambda query: -query.seconds)

    @property
    def people_lag(self) -> timedelta:
        """For how long ClickHouse hasn't been told of the oldest change of who is who."""
        return max(timedelta(), self.at - self.people.oldest) if self.people and self.people.oldest else timedelta()

    @property
    def lag(self) -> timedelta:
        """For how long the oldest event that isn't stored has waited."""
        return max(timedelta(), self.at - self.events.oldest) if self.events and self.events.oldest else timedelta()


class Pace(StrEnum):
    """Whether what comes in is stored as fast."""

    KEEPING_UP = "keeping up"
    BEHIND = "behind"
    CATCHING_UP = "catching up"
    FALLING_BEHIND = "falling behind"


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages a second, into the event stream and out of it."""

    arriving: float
    leaving: float


class Severity(StrEnum):
    """How bad something is; the value is its colour."""

    FINE = "green"
    WORRYING = "yellow"
    BAD = "red"


def rates(history: Sequence[Status]) -> Rates | None:
    """How fast messages came and went between the first and the last; None before there are two to compare."""
    known = [(each.at, each.events) for each in history if each.events]
    if len(known) < 2 or (seconds := (known[-1][0] - known[0][0]).total_seconds()) <= 0:  # noqa: PLR2004 (a pair)
        return None
    before, after = known[0][1], known[-1][1]
    return Rates(max(0, after.last_seq - before.last_seq) / seconds, max(0, after.taken - before.taken) / seconds)


def pace(history: Sequence[Status]) -> Pace | None:
    """How it goes at the end of the history, compared with its beginning; None when the stream could not be asked."""
    known = [each for each in history if each.events]
    if not known or not history[-1].events:
        return None
    first, last = known[0], known[-1]
    if last.lag < _AT_WORK:
        return Pace.KEEPING_UP
    if first is last:
        return Pace.BEHIND
    shrinks = last.lag < first.lag or (last.events or history[-1].events).messages < (first.events or history[-1].events).messages
    return Pace.CATCHING_UP if shrinks else Pace.FALLING_BEHIND


def lag_severity(status: Status) -> Severity:
    """How bad it is that the oldest event waits."""
    return _severity_of(status.lag)


def people_severity(status: Status) -> Severity:
    """How bad it is that the oldest change of who is who waits."""
    return _severity_of(status.people_lag)


def _severity_of(lag: timedelta) -> Severity:
    if lag < _AT_WORK:
        return Severity.FINE
    return Severity.WORRYING if lag < _WORRYING else Severity.BAD


def fullness_severity(events: EventStream) -> Severity:
    """How near the stream is to refusing what comes."""
    if events.fullness < _FILLING:
        return Severity.FINE
    return Severity.WORRYING if events.fullness < _FULL else Severity.BAD


def problems(status: Status) -> list[str]:
    """What is down, in words; nothing when all is well."""
    found = [f"{each.name} is down" for each in status.engines if each.state is State.BAD]
    found += [f"no worker runs ({each.job})" for each in status.turns or () if each.holder is None]
    if status.events and fullness_severity(status.events) is Severity.BAD:
        found.append("the event stream is nearly full")
    found += [f"ClickHouse does not answer process {each.pid}" for each in status.processes or () if not each.store_answers]
    found += [f"the disk is nearly full ({name})" for name, space in status.disks.items() if space.is_next_to_nothing]
    return found


def warnings(status: Status) -> list[str]:
    """What is not down, and will be."""
    found = [f"little room is left on the disk ({name})" for name, space in status.disks.items() if space.is_little]
    if status.schema and status.schema.postgres != status.schema.expected:
        found.append("the schema is of another version")
    if len({each.version for each in status.processes or ()}) > 1:
        found.append("processes of several versions run")
    return [] if problems(status) else found


def disk_severity(space: Space) -> Severity:
    """How near a disk is to being full."""
    if space.is_next_to_nothing:
        return Severity.BAD
    return Severity.WORRYING if space.is_little else Severity.FINE
