"""Looks at a file of events: how it is written, and which column is what."""

import csv
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.client import UsageError
from app.cli.importing.mapping import ColumnFlags, Columns, plan_columns
from app.cli.importing.records import START, Format, Position, Record, format_of, read_header, read_records


@dataclass(frozen=True, slots=True)
class Source:
    """The file as it was when the import began, and how to read it."""

    path: Path
    size: int
    format: Format
    delimiter: str
    columns: Columns | None
    begin: Position

    @contextmanager
    def records(self, position: Position = START) -> Generator[Iterator[Record]]:
        """The records after a position; the file is open as long as the block runs."""
        with self.path.open("rb") as file:
            yield read_records(file, self.size, max(position, self.begin), self.format, self.delimiter)


def open_source(path: Path, file_format: Format | None, columns: str | None, delimiter: str | None, flags: ColumnFlags) -> Source:
    """Looks at the file as far as is needed to know how to read it; refuses a mapping that cannot work before anything is sent."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Give the path of a file that can be read again, not of a pipe.")
    found = file_format or format_of(path.name)
    if found is None:
        raise UsageError(f"The extension of {path.name} does not say how it holds its events.", "Give --format ndjson, csv or spaces.")
    splitter = _delimiter(delimiter, path)
    size = path.stat().st_size
    if found is Format.NDJSON:
        if columns or flags != ColumnFlags():
            raise UsageError("NDJSON has no columns to map: each line is an event as Capture takes it.", "Leave the column options out.")
        return Source(path, size, found, splitter, None, START)
    if columns is not None:
        return Source(path, size, found, splitter, plan_columns(flags, [name.strip() for name in columns.split(",")]), START)
    if found is Format.SPACES:
        raise UsageError("A file of columns split by blanks has no header.", "Name its columns with --columns a,b,c.")
    names, begin = _header(path, size, splitter)
    return Source(path, size, found, splitter, plan_columns(flags, names), begin)


def _header(path: Path, size: int, delimiter: str) -> tuple[list[str], Position]:
    try:
        with path.open("rb") as file:
            names, begin = read_header(file, size, delimiter)
        ",".join(names).encode()
    except csv.Error as error:
        raise UsageError(
            f"The first line of {path.name} is not the header of a CSV file: {error}.", "Give one line with the names of the columns."
        ) from error
    except UnicodeEncodeError as error:
        raise UsageError(f"The header of {path.name} is not UTF-8.", "Convert the file first, for example with iconv.") from error
    return names, begin


def _delimiter(given: str | None, path: Path) -> str:
    if given is None:
        return "\t" if path.name.lower().endswith(".tsv") else ","
    if given in {"tab", "\\t"}:
        return "\t"
    if len(given) != 1 or given in '"\r\n':
        raise UsageError(f"--delimiter: '{given}' cannot split columns.", "Give one character, or `tab`.")
    return given
