"""Where answers and notes go: data to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]

# A pipe has no width: tables must come through whole, whatever reads them.
_PIPE_WIDTH = 1_000_000
_PAIR = 2


def data_console() -> Console:
    """A console on stdout; through a pipe it has no colours and cuts nothing off."""
    piped = not sys.stdout.isatty()
    return Console(width=_PIPE_WIDTH if piped else None, highlight=False, soft_wrap=False)


def note(line: str) -> None:
    """Tell the person something that is not the answer."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(line))


def print_json(content: Mapping[str, object] | Sequence[object]) -> None:
    """JSON on stdout."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def print_message(message: Message) -> None:
    """A protobuf message as JSON on stdout, zeros and empty lists included."""
    sys.stdout.write(json_format.MessageToJson(message, indent=2, always_print_fields_with_no_presence=True, ensure_ascii=False) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), title: str | None = None) -> Table:
    """A table of plain text; the columns at the places in `numbers` are right-aligned."""
    built = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=title and escape(title), title_justify="left", title_style="bold"
    )
    for place, column in enumerate(columns):
        built.add_column(escape(column), justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        built.add_row(*map(escape, row))
    return built


def print_table(built: Table) -> None:
    """A table on stdout, without the blanks that would pad each line to its width."""
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
