"""Reads a file of events record by record, in constant memory, knowing where each one lies."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, NamedTuple

LONGEST_LINE = 2**20
_LONGEST_NAME = 2**17
_BOM = b"\xef\xbb\xbf"


class Format(StrEnum):
    """How a file holds its records."""

    NDJSON = "ndjson"
    CSV = "csv"
    SPACES = "spaces"


_FORMATS = {".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON, ".csv": Format.CSV, ".tsv": Format.CSV}


class Position(NamedTuple):
    """A place between two lines: how many bytes and how many lines lie before it."""

    offset: int
    line: int


START = Position(0, 0)


class Record(NamedTuple):
    """One record: the line it starts on, from 1; where it ends; what it looked like; its cells, when the format has cells.

    `fault` says why it could not be read at all.
    """

    line: int
    end: Position
    raw: bytes
    cells: list[str]
    fault: str = ""


def format_of(name: str) -> Format | None:
    """The format a file's extension stands for."""
    return next((found for extension, found in _FORMATS.items() if name.lower().endswith(extension)), None)


@dataclass(slots=True)
class Lines:
    """The lines of a file from a position up to `size`, which is how much of it was there when the import began.

    Yields text for `csv`, and remembers what it took since `take` was last called.
    """

    file: BinaryIO
    size: int
    position: Position = START
    ended: bool = False
    _taken: list[bytes] = field(default_factory=list[bytes])

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        raw = self.next_raw()
        if not raw:
            self.ended = True
            raise StopIteration
        # Bytes that aren't UTF-8 must reach the record they belong to, which is then refused on its own.
        return raw.decode("utf-8", "surrogateescape")

    def next_raw(self) -> bytes:
        """The next line with its end; empty after the last one. Of a line that is too long only the beginning is kept."""
        offset, line = self.position
        raw = self.file.readline(min(LONGEST_LINE, self.size - offset)) if offset < self.size else b""
        offset += len(raw)
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            offset += self._skip_line(self.size - offset)
        if raw:
            self.position = Position(offset, line + 1)
            raw = raw.removeprefix(_BOM) if line == 0 else raw
            self._taken.append(raw)
        return raw

    def take(self) -> bytes:
        """The lines since the last call, as they are in the file."""
        taken = b"".join(self._taken)
        self._taken.clear()
        return taken

    def _skip_line(self, left: int) -> int:
        skipped = 0
        while left > skipped and (part := self.file.readline(min(LONGEST_LINE, left - skipped))):
            skipped += len(part)
            if part.endswith(b"\n"):
                break
        return skipped


def read_header(file: BinaryIO, size: int, delimiter: str) -> tuple[list[str], Position]:
    """The column names on the first line of a CSV file, and where its records begin."""
    # No column is called that long: it is no header, or a quote was never closed.
    csv.field_size_limit(_LONGEST_NAME)
    lines = Lines(file, size)
    header = next(csv.reader(lines, delimiter=delimiter), list[str]())
    return [name.strip() for name in header], lines.position


def read_records(file: BinaryIO, size: int, start: Position, file_format: Format, delimiter: str = ",") -> Iterator[Record]:
    """The records from a position on. Blank lines are skipped, though they count as lines."""
    file.seek(start.offset)
    lines = Lines(file, size, start)
    match file_format:
        case Format.NDJSON:
            return _line_records(lines, lambda _: [])
        case Format.SPACES:
            return _line_records(lines, lambda raw: raw.decode("utf-8", "surrogateescape").split())
        case Format.CSV:
            return _csv_records(lines, delimiter)


def _line_records(lines: Lines, split: Callable[[bytes], list[str]]) -> Iterator[Record]:
    while raw := lines.next_raw():
        lines.take()
        stripped = raw.strip()
        if stripped:
            position = lines.position
            fault = f"The line is longer than {LONGEST_LINE:,} bytes." if len(raw) == LONGEST_LINE else ""
            yield Record(position.line, position, stripped, split(stripped), fault)


def _csv_records(lines: Lines, delimiter: str) -> Iterator[Record]:
    # A field can be as long as a line may be; beyond that it is most likely a quote that was never closed.
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        begin = lines.position.line + 1
        fault = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, fault = [], f"Not CSV: {error}."
        raw = lines.take().rstrip(b"\r\n")
        # Only within quotes does the reader ask for more than the line it began with, and get on to the end.
        if (cells and lines.ended) or "field larger" in fault:
            fault = f"A quote opened on line {begin + _lines_before_open_quote(raw):,} is never closed."
        if cells or fault:
            yield Record(begin, lines.position, raw, cells, fault)


def _lines_before_open_quote(raw: bytes) -> int:
    # Two quotes in a row are one within a cell, or an empty cell: neither opens anything. Of the others the last one does.
    single = raw.replace(b'""', b"  ")
    return raw[: max(0, single.rfind(b'"'))].count(b"\n")
