"""Shows dead letters: as a table, one with all that is in it, and what became of those that were acted on."""

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from rich.table import Table

from app.cli.dead.letters import FIELDS, DeadLetter, first_event, read_row
from app.cli.dead.stream import Totals
from app.cli.output import bytes_text, instant_text, table, visible
from core.words import counted

_REASON_LENGTH = 100
_DUMP_WIDTH = 16
_DUMP_BYTES = 4096
_ROWS = 20
_TIMES = frozenset({"occurred_at", "received_at"})
_LABEL_WIDTH = max(map(len, FIELDS)) + 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fate(StrEnum):
    """What became of a letter."""

    REPLAYED = "replayed"
    REPLAYED_BEFORE = "replayed moments ago"
    DROPPED = "dropped"
    NOT_FOUND = "not found"


def letters_table(letters: Iterable[DeadLetter]) -> Table:
    """A row for each letter."""
    columns = ("id", "died", "reason", "where", "rows", "bytes", "first event")
    return table(columns, map(_table_row, letters), numbers=(0, 4, 5))


def totals_line(totals: Totals, shown: int) -> str:
    """How many there are in all."""
    count = f"{counted(totals.letters, 'dead letter')}, {bytes_text(totals.bytes)}"
    return count if shown == totals.letters else f"{count}; {shown:,} shown"


def letter_text(letter: DeadLetter, *, full: bool) -> str:
    """All that is known of a letter, for people; long content is cut off unless `full`."""
    facts = {
        "id": str(letter.id),
        "died": instant_text(letter.died_at),
        "reason": letter.reason,
        "where": _where(letter),
        "subject": letter.subject,
        "rows": f"{letter.rows:,}",
        "bytes": f"{letter.size:,}",
        **{name: value for name, value in letter.headers.items() if name not in {"Pug-Reason", "Pug-Rows", "Pug-Subject"}},
    }
    width = max(map(len, facts)) + 2
    head = [f"{visible(name):<{width}}{visible(value)}" for name, value in facts.items()]
    return "\n".join([*head, "", *_content_lines(letter, full=full)]) + "\n"


def letter_json(letter: DeadLetter) -> dict[str, object]:
    """All that is known of a letter, for machines."""
    return {
        **head_json(letter),
        "headers": dict(letter.headers),
        "content": [dict(_labelled(row)) if (row := read_row(line)) else None for line in letter.lines],
        "content_base64": base64.b64encode(letter.content).decode(),
    }


def head_json(letter: DeadLetter) -> dict[str, object]:
    """A letter of the list, for machines."""
    return {
        "id": letter.id,
        "died_at": letter.died_at.isoformat(),
        "reason": letter.reason,
        "stream": letter.stream,
        "sequence": letter.sequence,
        "subject": letter.subject,
        "rows": letter.rows,
        "bytes": letter.size,
        "first_event": first_event(letter),
    }


def fates_table(fates: Sequence[tuple[int, DeadLetter | None, Fate]]) -> Table:
    """What became of the letters."""
    rows = [
        (str(letter_id), fate, visible(letter.subject) if letter else "", f"{letter.rows:,}" if letter else "", _short(letter))
        for letter_id, letter, fate in fates
    ]
    return table(("id", "now", "subject", "rows", "reason it died"), rows, numbers=(0, 3))


def _table_row(letter: DeadLetter) -> tuple[str, ...]:
    name = first_event(letter)
    return (
        str(letter.id),
        instant_text(letter.died_at),
        _short(letter),
        _where(letter),
        f"{letter.rows:,}",
        f"{letter.size:,}",
        "–" if name is None else visible(name),
    )


def _short(letter: DeadLetter | None) -> str:
    reason = visible(letter.reason) if letter else ""
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"


def _where(letter: DeadLetter) -> str:
    return f"{letter.stream}:{'?' if letter.sequence is None else letter.sequence}"


def _content_lines(letter: DeadLetter, *, full: bool) -> Iterable[str]:
    if not any(read_row(line) for line in letter.lines):
        return dump_lines(letter.content, full=full) if letter.content else ["It is empty."]
    shown = letter.lines if full else letter.lines[:_ROWS]
    lines = [line for place, row in enumerate(shown, 1) for line in _row_lines(place, row, full=full)]
    if len(shown) < len(letter.lines):
        lines.append(f"… and {len(letter.lines) - len(shown):,} more: --full shows them, --raw writes the bytes.")
    return lines


def _row_lines(place: int, line: bytes, *, full: bool) -> Iterable[str]:
    row = read_row(line)
    if row is None:
        return [f"row {place}, which cannot be read", *dump_lines(line, full=full), ""]
    return [f"row {place}", *(f"  {name:<{_LABEL_WIDTH}}{_value_text(name, value)}" for name, value in _labelled(row)), ""]


def _labelled(row: Sequence[object]) -> list[tuple[str, object]]:
    """The values of a row with their names; those there are too many of have a number for a name."""
    return [(FIELDS[place] if place < len(FIELDS) else str(place + 1), value) for place, value in enumerate(row)]


def _value_text(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return _time_text(value)
    if isinstance(value, str):
        return visible(value)
    text = json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None)
    return f"\n{' ' * (_LABEL_WIDTH + 2)}".join(map(visible, text.splitlines()))


def _time_text(milliseconds: int) -> str:
    try:
        instant = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return f"{instant_text(instant)} ({milliseconds})"


def dump_lines(content: bytes, *, full: bool) -> list[str]:
    """Bytes as numbers and, where they are printable, as characters."""
    shown = content if full else content[:_DUMP_BYTES]
    lines = [_dump_line(start, shown[start : start + _DUMP_WIDTH]) for start in range(0, len(shown), _DUMP_WIDTH)]
    if len(shown) < len(content):
        lines.append(f"… and {len(content) - len(shown):,} bytes more: --full shows them, --raw writes them.")
    return lines


def _dump_line(start: int, part: bytes) -> str:
    text = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in part)  # noqa: PLR2004 (what ASCII can print)
    return f"{start:08x}  {part.hex(' '):<{_DUMP_WIDTH * 3}} {text}"
