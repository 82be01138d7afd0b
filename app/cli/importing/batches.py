"""Gathers events into batches that Capture takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from app.cli.importing.mapping import Encode, LineRefused
from app.cli.importing.records import Position, Record

MOST_EVENTS = 1_000
MOST_BYTES = 900 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to send and the line it came from."""

    line: int
    event: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that did not become a stored event, and why."""

    line: int
    reason: str
    field: str
    message: str
    raw: bytes


@dataclass(slots=True)
class Batch:
    """Events to send together, the lines refused among them, and where in the file it ends."""

    end: Position
    entries: list[Entry] = field(default_factory=list[Entry])
    rejects: list[Reject] = field(default_factory=list[Reject])


def batches_of(records: Iterable[Record], encode: Encode, start: Position, most_events: int = MOST_EVENTS) -> Iterator[Batch]:
    """Batches in the order of the file, none beyond what Capture takes; a refused line counts like an event."""
    batch = Batch(start)
    size = 0
    for record in records:
        made = _encoded(record, encode)
        length = len(made.event) + 1 if isinstance(made, Entry) else len(made.raw)
        full = len(batch.entries) + len(batch.rejects) >= most_events or size + length > MOST_BYTES
        if full and (batch.entries or batch.rejects):
            yield batch
            batch, size = Batch(batch.end), 0
        match made:
            case Entry():
                batch.entries.append(made)
            case Reject():
                batch.rejects.append(made)
        size += length
        batch.end = record.end
    if batch.entries or batch.rejects:
        yield batch


def capture_body(entries: Iterable[Entry]) -> bytes:
    """The request that carries the events. Without `sent_at`: the clock of whoever sends a file says nothing about its times."""
    return b'{"events":[' + b",".join(entry.event for entry in entries) + b"]}"


def reject_line(reject: Reject) -> bytes:
    """A rejected line as the rejects file holds it."""
    return (
        msgspec.json.encode(
            {
                "line": reject.line,
                "reason": reject.reason,
                "field": reject.field,
                "message": reject.message,
                "original": reject.raw.decode("utf-8", "replace"),
            },
        )
        + b"\n"
    )


def _encoded(record: Record, encode: Encode) -> Entry | Reject:
    try:
        return Entry(record.line, encode(record), record.raw)
    except LineRefused as error:
        return Reject(record.line, error.reason, error.field, error.message, record.raw)
