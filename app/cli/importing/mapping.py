"""Turns a record of a file into an event in the JSON that Capture takes."""

import hashlib
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from app.cli.client import UsageError
from app.cli.importing.records import Format, Record

# Ours alone: ids made from it can't meet ids that anybody else derives.
NAMESPACE = uuid.UUID("6d3f1a52-54c6-4bb6-8e27-3a2c9b1f7e90")

_TIME_COLUMNS = ("occurred_at", "occurredAt", "timestamp", "time")
_EVENT_COLUMNS = ("event", "name")
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

Encode = Callable[[Record], bytes]


class LineRefused(Exception):
    """A record that cannot become an event, in the words of Capture's problems."""

    def __init__(self, reason: str, message: str, field: str = "") -> None:
        """`reason` is machine-readable, `message` for a person."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


class Type(StrEnum):
    """What a cell becomes."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class ColumnFlags:
    """Which column is what, as the command line says it."""

    event: str | None = None
    event_column: str | None = None
    distinct_id: str | None = None
    time: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"
    session_id: str | None = None
    event_id: str | None = None
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """A column that becomes a property."""

    place: int
    key: str
    type: Type


@dataclass(frozen=True, slots=True)
class Columns:
    """Which place of a record is what."""

    count: int
    event: str
    event_place: int | None
    distinct_id: int
    time: int | None
    session_id: int | None
    event_id: int | None
    properties: tuple[Property, ...]
    read_time: Callable[[str], str]


def line_event_id(file_sha256: str, line: int) -> str:
    """The id of an event whose file has none: the same line of the same content always has the same, no two lines share one.

    UUIDv5 of our namespace and `<sha-256 of the file>:<line>`. What the columns mean is not in it: a file read again with another mapping
    brings the same events, and what was stored first stays.
    """
    return str(
        uuid.UUID(bytes=hashlib.sha1(NAMESPACE.bytes + f"{file_sha256}:{line}".encode(), usedforsecurity=False).digest()[:16], version=5)
    )


def json_encoder(file_sha256: str) -> Encode:
    """Passes lines of NDJSON through as they are; only those without an id get one."""

    def encode(record: Record) -> bytes:
        _refuse_unreadable(record)
        try:
            head = _decode_head(record.raw)
        except msgspec.ValidationError as error:
            raise LineRefused("LINE_MALFORMED", "The line is JSON, but not an object. Each line is one event.") from error
        except RecursionError as error:
            raise LineRefused("LINE_MALFORMED", "The line is nested too deeply to be read. Properties may be 5 levels deep.") from error
        except msgspec.DecodeError as error:
            raise LineRefused("LINE_MALFORMED", f"The line is not JSON: {str(error).removeprefix('JSON is malformed: ')}.") from error
        given = [bytes(each) for each in (head.event_id, head.eventId) if each]
        if any(each not in _NO_ID for each in given):
            return record.raw
        return _with_id(record.raw, line_event_id(file_sha256, record.line), replace=bool(given))

    return encode


def cell_encoder(columns: Columns, file_sha256: str) -> Encode:
    """Makes an event of the cells of a line. An empty cell is an absent value."""

    def encode(record: Record) -> bytes:
        _refuse_unreadable(record)
        cells = record.cells
        if len(cells) != columns.count:
            message = f"The line has {len(cells)} columns, where {columns.count} are expected."
            raise LineRefused("COLUMNS_MISMATCH", message)
        event: dict[str, object] = {
            "eventId": (columns.event_id is not None and cells[columns.event_id]) or line_event_id(file_sha256, record.line),
            "name": columns.event if columns.event_place is None else cells[columns.event_place],
            "distinctId": cells[columns.distinct_id],
        }
        if columns.session_id is not None and cells[columns.session_id]:
            event["sessionId"] = cells[columns.session_id]
        if columns.time is not None and cells[columns.time]:
            event["occurredAt"] = columns.read_time(cells[columns.time])
        event["properties"] = {each.key: _typed(cells[each.place], each) for each in columns.properties if cells[each.place]}
        return msgspec.json.encode(event)

    return encode


def plan_columns(flags: ColumnFlags, names: Sequence[str]) -> Columns:
    """Finds each column by its name; a column nobody names explicitly is found by the name it would have in an event."""
    _check_names(names)
    if flags.event is not None and flags.event_column is not None:
        raise UsageError(
            "--event and --event-column say the same thing twice.", "Give one: a name for all events, or the column that holds it."
        )
    event_place = None if flags.event is not None else _place(names, flags.event_column, _EVENT_COLUMNS, "--event-column")
    if flags.event is None and event_place is None:
        raise UsageError("What are the events called?", f"Give --event NAME, or --event-column with one of: {', '.join(names)}.")
    distinct_id = _place(names, flags.distinct_id, ("distinct_id", "distinctId"), "--distinct-id")
    if distinct_id is None:
        raise UsageError("Which column says who did it?", f"Give --distinct-id with one of: {', '.join(names)}.")
    time = _place(names, flags.time, _TIME_COLUMNS, "--time")
    if time is None and flags.time_format:
        raise UsageError("--time-format is given, but no column is the time.", f"Give --time with one of: {', '.join(names)}.")
    session_id = _place(names, flags.session_id, ("session_id", "sessionId"), "--session-id")
    event_id = _place(names, flags.event_id, ("event_id", "eventId"), "--event-id")
    properties = _properties(flags.properties, names, {event_place, distinct_id, time, session_id, event_id})
    read_time = time_reader(flags.time_format, flags.time_zone)
    return Columns(len(names), flags.event or "", event_place, distinct_id, time, session_id, event_id, properties, read_time)


def time_reader(time_format: str | None, time_zone: str) -> Callable[[str], str]:
    """Reads a time as ISO 8601, as `unix` or `unix_ms`, or in a format of strptime; one without an offset is in the time zone."""
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"'{time_zone}' is not a time zone.", "Give an IANA name such as Europe/Berlin.") from error
    parse, shape = _time_parser(time_format)

    # Times repeat where they are dates, and strptime is slow.
    @lru_cache(maxsize=65_536)
    def read(text: str) -> str:
        try:
            parsed = parse(text)
            moment = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except (ValueError, OverflowError, OSError) as error:
            raise LineRefused("TIME_INVALID", f"'{text[:50]}' is not a time written as {shape}.", "occurredAt") from error

    return read


def _time_parser(time_format: str | None) -> tuple[Callable[[str], datetime], str]:
    def from_seconds(text: str) -> datetime:
        return datetime.fromtimestamp(float(text), UTC)

    def from_milliseconds(text: str) -> datetime:
        return datetime.fromtimestamp(float(text) / 1000, UTC)

    def from_pattern(text: str) -> datetime:
        return datetime.strptime(text, time_format or "")  # noqa: DTZ007 (the caller adds the zone)

    match time_format:
        case None | "iso":
            return datetime.fromisoformat, "ISO 8601"
        case "unix":
            return from_seconds, "seconds since 1970"
        case "unix_ms":
            return from_milliseconds, "milliseconds since 1970"
        case _:
            return from_pattern, f"'{time_format}'"


class _Head(msgspec.Struct):
    event_id: msgspec.Raw = msgspec.Raw(b"")
    eventId: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 (the spelling of the JSON)


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NO_ID = (b"null", b'""')


def _refuse_unreadable(record: Record) -> None:
    if record.fault:
        raise LineRefused("LINE_MALFORMED", record.fault)
    try:
        record.raw.decode()
    except UnicodeDecodeError as error:
        raise LineRefused("LINE_MALFORMED", "The line is not UTF-8. Convert the file first, for example with iconv.") from error


def _with_id(line: bytes, event_id: str, *, replace: bool) -> bytes:
    if replace:
        members = _decode_members(line)
        return msgspec.json.encode(
            {key: value for key, value in members.items() if key not in {"event_id", "eventId"}} | {"eventId": event_id}
        )
    rest = line[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    # In the spelling of the line: Capture reads a batch fastest when it is spelt in one way.
    key = b"event_id" if b'"distinct_id"' in line else b"eventId"
    return b'{"' + key + b'":"' + event_id.encode() + b'"' + comma + rest


def _typed(cell: str, column: Property) -> str | float | bool:
    match column.type:
        case Type.STRING:
            return cell
        case Type.BOOLEAN:
            if (known := _BOOLEANS.get(cell.strip().lower())) is not None:
                return known
        case Type.NUMBER:
            text = cell.strip()
            if _INTEGER.fullmatch(text):
                return int(text)
            if _NUMBER.fullmatch(text) and abs(number := float(text)) != float("inf"):
                return number
    raise LineRefused(f"{column.type.upper()}_INVALID", f"'{cell[:50]}' is not a {column.type}.", f"properties.{column.key}")


def _check_names(names: Sequence[str]) -> None:
    if not any(names):
        raise UsageError("The file has no columns.", "Name them with --columns a,b,c, or give the file a header line.")
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise UsageError(
            f"Two columns are called '{repeated[0]}'.", "Name the columns with --columns; leave a name empty to skip a column."
        )


def _place(names: Sequence[str], given: str | None, usual: Sequence[str], option: str) -> int | None:
    if given is None:
        return next((names.index(name) for name in usual if name in names), None)
    if given not in names:
        raise UsageError(f"{option}: there is no column '{given}'.", f"The columns are: {', '.join(names)}.")
    return names.index(given)


def _properties(given: Sequence[str], names: Sequence[str], used: set[int | None]) -> tuple[Property, ...]:
    if not given:
        return tuple(Property(place, name, Type.STRING) for place, name in enumerate(names) if name and place not in used)
    return tuple(_property(each, names) for each in given)


def _property(given: str, names: Sequence[str]) -> Property:
    name, colon, kind = given.rpartition(":")
    if not colon or (given in names and kind not in set(Type)):
        name, kind = given, Type.STRING.value
    if kind not in set(Type):
        raise UsageError(f"--property {given}: there is no type '{kind}'.", f"The types are: {', '.join(Type)}.")
    place = _place(names, name, (), "--property")
    assert place is not None
    return Property(place, name, Type(kind))


def encoder_for(file_format: Format, columns: Columns | None, file_sha256: str) -> Encode:
    """What makes events of the records of a file."""
    if file_format is Format.NDJSON:
        return json_encoder(file_sha256)
    assert columns is not None
    return cell_encoder(columns, file_sha256)
