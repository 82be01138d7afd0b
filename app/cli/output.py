"""Where answers and notes go: data to stdout, everything else to stderr."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]

# A pipe has no width: tables must come through whole, whatever reads them.
_PIPE_WIDTH = 1_000_000
_PAIR = 2
_STEP = 1024
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_TENTHS_BELOW_S = 10
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
# What json leaves as it is and a terminal or an encoding would stumble over: control characters, marks of direction, halves of a character.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def data_console() -> Console:
    """A console on stdout; through a pipe it has no colours and cuts nothing off."""
    piped = not sys.stdout.isatty()
    return Console(width=_PIPE_WIDTH if piped else None, highlight=False, soft_wrap=False)


def note(line: str) -> None:
    """Tell the person something that is not the answer."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(_harmless(line)))


def print_json(content: Mapping[str, object] | Sequence[object]) -> None:
    """JSON on stdout."""
    sys.stdout.write(json_text(content, indent=2) + "\n")


def json_text(content: Mapping[str, object] | Sequence[object], *, indent: int | None = None) -> str:
    """JSON that can be shown on any terminal, whatever stands in it."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(content, indent=indent, ensure_ascii=False))


def print_line(line: str) -> None:
    """A line on stdout, at once: whoever reads it through a pipe may be waiting."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def print_message(message: Message) -> None:
    """A protobuf message as JSON on stdout, zeros and empty lists included."""
    print_json(json_format.MessageToDict(message, always_print_fields_with_no_presence=True))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, numbers: Sequence[int] = (), title: str | None = None) -> Table:
    """A table of plain text, or of text with colours; the columns at the places in `numbers` are right-aligned."""
    built = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=title and escape(title), title_justify="left", title_style="bold"
    )
    for place, column in enumerate(columns):
        built.add_column(escape(column), justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        built.add_row(*(escape(_harmless(each)) if isinstance(each, str) else each for each in row))
    return built


def print_table(built: Table | Group) -> None:
    """A table, or a group of them, on stdout, without the blanks that would pad each line to its width."""
    console = data_console()
    if sys.stdout.isatty():
        console.print(built)
        return
    with console.capture() as captured:
        console.print(built)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def number_texts(values: Sequence[float]) -> list[str]:
    """Numbers of one column, with thousands separators and as many decimals as it needs: at most two when large, four when small."""
    most = 2 if any(abs(value) >= 100 for value in values) else 4  # noqa: PLR2004 (where cents stop mattering)
    decimals = next((places for places in range(most) if all(_same(value, round(value, places)) for value in values)), most)
    decimals = _PAIR if decimals == 1 else decimals
    return [f"{value:,.{decimals}f}" for value in values]


def number_text(value: float) -> str:
    """One number, as `number_texts` would write it."""
    return number_texts([value])[0]


def _same(value: float, rounded: float) -> bool:
    # Sums of cents carry noise in their last digits, which is not a decimal to show.
    return abs(value - rounded) <= 1e-9 * max(1.0, abs(value))


def instant_text(instant: datetime, zone: ZoneInfo | None = None) -> str:
    """An instant as `2026-03-01 12:30:00 UTC`."""
    return instant.astimezone(zone or ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S %Z")


def visible(text: str) -> str:
    """Text in which nothing can act on a terminal: what cannot be printed is written as Python would escape it."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in text)


def _harmless(text: str) -> str:
    """The same, line by line: names of events, which anybody may send, are shown to operators."""
    return "\n".join(visible(line) for line in text.split("\n"))


def bytes_text(count: float) -> str:
    """A number of bytes, as `1.4 MiB`."""
    for unit in _BYTE_UNITS[:-1]:
        if count < _STEP:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= _STEP
    return f"{count:,.1f} {_BYTE_UNITS[-1]}"


def duration_text(seconds: float) -> str:
    """How long, as `0.3 s`, `42 s`, `3 min 5 s` or `2 d 4 h`."""
    if seconds < _TENTHS_BELOW_S:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
