"""What a captured batch becomes: rows for the stream, and a receipt for the client."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto

from core.errors import BatchTooLarge
from pug.capture.v1 import capture_pb2
from services.capture.recent import RecentEvents

MAX_EVENTS = 1_000
MAX_BYTES = 2**20
# Of what lies inside lists and objects of properties: each is taken apart in Python, and one batch must not hold everybody up.
MAX_NESTED = 50_000


class Reason(StrEnum):
    """Why an event was refused, or what the client should know about an accepted one: names that never change."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:  # noqa: ARG004 - the enum's own signature
        return name

    EVENT_UNREADABLE = auto()
    UNKNOWN_FIELD = auto()
    WRONG_TYPE = auto()
    TEXT_INVALID = auto()
    NUL_CHARACTER = auto()
    EVENT_ID_INVALID = auto()
    NAME_MISSING = auto()
    NAME_TOO_LONG = auto()
    DISTINCT_ID_MISSING = auto()
    DISTINCT_ID_TOO_LONG = auto()
    PLACEHOLDER_DISTINCT_ID = auto()
    RESERVED_DISTINCT_ID = auto()
    ERASED = auto()
    SESSION_ID_TOO_LONG = auto()
    OCCURRED_AT_INVALID = auto()
    OCCURRED_AT_OUT_OF_RANGE = auto()
    OCCURRED_IN_FUTURE = auto()
    OCCURRED_LONG_AGO = auto()
    OCCURRED_BEFORE_RETENTION = auto()
    CLOCK_SKEW_IGNORED = auto()
    CLOCK_SKEW_LARGE = auto()
    COOKIELESS_DISTINCT_ID = auto()
    COOKIELESS_SESSION_ID = auto()
    COOKIELESS_DAY_OUT_OF_RANGE = auto()
    COOKIELESS_IDENTITY_UNAVAILABLE = auto()
    SALT_UNAVAILABLE = auto()
    SALT_CORRUPT = auto()
    PROPERTY_NOT_FINITE = auto()
    PROPERTY_KEY_EMPTY = auto()
    PROPERTY_KEY_TOO_LONG = auto()
    PROPERTY_TOO_LONG = auto()
    PROPERTIES_TOO_MANY = auto()
    PROPERTIES_TOO_DEEP = auto()
    PROPERTIES_TOO_LARGE = auto()


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the edge knows about a batch beside its body."""

    project_id: int
    received_at: datetime
    # Makes the id of an event that came without one.
    new_event_id: Callable[[], str]
    # What the request itself says of the client (browser, place, bot), as a JSON object of `$` properties; empty when it says nothing.
    context: str = ""
    # How many months of events the project keeps; None for all.
    retention_months: int | None = None
    # Which events came before.
    recent: RecentEvents = field(default_factory=RecentEvents)
    # Says whether a distinct id is one of who was erased; None where nobody was.
    is_erased: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one event of a batch; a warning is about an event that was accepted all the same."""

    index: int
    event_id: str
    reason: Reason
    field: str
    message: str
    warning: bool = False

    def to_message(self) -> capture_pb2.Problem:
        """The problem as the client reads it."""
        return capture_pb2.Problem(
            index=self.index,
            event_id=self.event_id,
            reason=self.reason,
            field=self.field,
            message=self.message,
            warning=self.warning,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """The accepted events as rows for the stream, and what became of the others.

    `rows` holds one JSON array a line, without a last newline: event_id, project_id, name, distinct_id, session_id, occurred_at and
    received_at in Unix milliseconds, properties, and what the request said of its client (`Arrival.context`, the same in every row). The
    events worker inserts them as they are.
    """

    rows: bytes
    event_ids: Sequence[str]
    duplicates: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def accepted(self) -> int:
        """How many events passed."""
        return len(self.event_ids)

    @property
    def rejected(self) -> int:
        """How many events were refused."""
        return sum(not problem.warning for problem in self.problems)


def receipt(batch: Batch) -> capture_pb2.CaptureResponse:
    """The answer to the client, once the batch's rows are durable."""
    return capture_pb2.CaptureResponse(
        accepted=batch.accepted,
        duplicates=batch.duplicates,
        rejected=batch.rejected,
        problems=[problem.to_message() for problem in batch.problems],
    )


def check_size(body: bytes) -> None:
    """Refuse a body that is too large to be read."""
    if len(body) > MAX_BYTES:
        raise BatchTooLarge(f"The batch is {len(body):,} bytes; at most {MAX_BYTES:,} are allowed.", hint="Send smaller batches.")


def check_count(events: int) -> None:
    """Refuse a batch of too many events, before any of them is looked at."""
    if events > MAX_EVENTS:
        raise BatchTooLarge(
            f"The batch has {events:,} events; at most {MAX_EVENTS:,} are allowed.", field="events", hint="Send smaller batches."
        )


def check_nested(values: int, what: str) -> None:
    """Refuse a batch that would take long to take apart."""
    if values > MAX_NESTED:
        raise BatchTooLarge(
            f"The batch has {values:,} {what}; at most {MAX_NESTED:,} are allowed.", field="events", hint="Send smaller batches."
        )
