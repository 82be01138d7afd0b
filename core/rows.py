"""How a row looks: an accepted event on its way from capture to ClickHouse (docs/decisions/0003).

["xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",project_id,"name",…

One JSON array a line. JSON writes a line break inside a string as an escape, and the id stands at a fixed place, so rows can be told apart,
and their ids read, without being parsed.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The high and the low half of each UUID: an array of shape (n, 2).
Ids = npt.NDArray[np.uint64]

_LAYOUT = b'["xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",'
_HEX_PLACES = np.array([place for place, character in enumerate(_LAYOUT) if character == ord("x")], np.intp)
_FIXED_PLACES = np.array([place for place, character in enumerate(_LAYOUT) if character != ord("x")], np.intp)
_FIXED = np.frombuffer(_LAYOUT, np.uint8)[_FIXED_PLACES]
_HEAD = len(_LAYOUT)
_LAST_DIGIT = int(_HEX_PLACES[-1])
_NEWLINE, _SPACE = b"\n "
_ZERO, _NINE, _A, _F = b"09af"
_TEXT = rb'\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*'
# What follows the project: the name, and whose event it is.
_SENDER = re.compile(rb"," + _TEXT + rb"," + _TEXT + rb",", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Heads:
    """What can be read of rows without parsing them; the ids at `malformed` places, of lines that are no rows, mean nothing."""

    ids: Ids
    malformed: tuple[int, ...]


def heads_of(rows: bytes) -> Heads:
    """The ids of newline-separated rows, whatever the bytes are."""
    characters = np.frombuffer(rows, np.uint8)
    starts = np.concatenate([np.zeros(1, np.intp), np.flatnonzero(characters == _NEWLINE) + 1])
    # Room for the head of a last line that is too short for one.
    padded = np.concatenate([characters, np.zeros(_HEAD + 1, np.uint8)])
    digits = padded[starts[:, None] + _HEX_PLACES]
    is_digit = (digits >= _ZERO) & (digits <= _NINE)
    is_letter = (digits >= _A) & (digits <= _F)
    project = padded[starts + _HEAD]
    good = (
        np.all(is_digit | is_letter, axis=1)
        & np.all(padded[starts[:, None] + _FIXED_PLACES] == _FIXED, axis=1)
        & (((project >= _ZERO) & (project <= _NINE)) | (project == _SPACE))
    )
    # '0'–'9' are 0x30–0x39, 'a'–'f' are 0x61–0x66: the low four bits, plus nine for a letter.
    nibbles = (digits & 0x0F) + (digits >> 6) * 9
    octets = ((nibbles[:, ::2] << 4) | nibbles[:, 1::2]).astype(np.uint8)
    return Heads(octets.view(">u8").astype(np.uint64), tuple(int(place) for place in np.flatnonzero(~good)))


def key_of(row: bytes) -> tuple[int, str]:
    """The project and the id of a row, which together say which event it is; project -1 when that can't be read."""
    return project_of(row), row[2 : _HEAD - 2].decode("ascii", "replace")


def project_of(row: bytes) -> int:
    """The project of a row; -1 when that can't be read."""
    project = row[_HEAD : _HEAD + 22].partition(b",")[0].strip()
    return int(project) if project.isdigit() else -1


def senders_of(rows: bytes, projects: Collection[int]) -> Iterator[tuple[int, int, bytes]]:
    """The place, the project and the distinct id, in UTF-8, of each row of some projects. A line that is no row is left out."""
    if not projects:
        return
    for place, row in enumerate(rows.split(b"\n")):
        end = row.find(b",", _HEAD)
        project = row[_HEAD:end].strip()
        # Of other projects nothing further is read.
        if project.isdigit() and int(project) in projects and (sender := _SENDER.match(row, end)) is not None:
            yield place, int(project), _unescaped(sender[2])


def sender_of(row: bytes) -> tuple[int, bytes] | None:
    """The project and the distinct id, in UTF-8, of a row; None of a line that is none."""
    project = project_of(row)
    return next(((project, sender) for _, _, sender in senders_of(row, (project,))), None)


def _unescaped(text: bytes) -> bytes:
    """The bytes a JSON text stands for."""
    if b"\\" not in text:
        return text
    try:
        return str(json.loads(b'"%b"' % text)).encode("utf-8", "replace")
    except ValueError:
        return text


def count_rows(rows: bytes) -> int:
    """How many rows there are."""
    return rows.count(b"\n") + 1


def without(rows: bytes, places: Sequence[int]) -> bytes:
    """The rows but for those at some places."""
    if not places:
        return rows
    out = set(places)
    return b"\n".join(row for place, row in enumerate(rows.split(b"\n")) if place not in out)


def by_partition(rows: bytes, partitions: int) -> dict[int, bytes]:
    """The rows of each partition that has any, in their order: an event's partition follows from the last digit of its id."""
    if partitions == 1:
        return {0: rows}
    parts: dict[int, list[bytes]] = {}
    for row in rows.split(b"\n"):
        parts.setdefault(int(row[_LAST_DIGIT : _LAST_DIGIT + 1], 16) % partitions, []).append(row)
    return {partition: b"\n".join(part) for partition, part in sorted(parts.items())}
