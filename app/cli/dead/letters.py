"""A dead letter: the original bytes of what could not be stored, and what the worker wrote about it. All of it may be anything."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from workers.pull import STREAM

DEFAULT_SUBJECT = "events.captured"

# What a row holds, in its order (docs/decisions/0003).
FIELDS = ("event_id", "project_id", "name", "distinct_id", "session_id", "occurred_at", "received_at", "properties", "context")
_NAME = FIELDS.index("name")
_DEPTH = 64
# Anything else would be a pattern, or end the protocol's line.
_SUBJECT = re.compile(r"[^\s.*>\x00-\x20\x7f]+(\.[^\s.*>\x00-\x20\x7f]+)+")
_STREAM_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of the stream DEAD; `content` is empty when only the headers were asked for. Older ones have few headers."""

    id: int
    came_at: datetime
    headers: Mapping[str, str]
    size: int
    content: bytes = b""

    @property
    def reason(self) -> str:
        """Why it could not be stored."""
        return self.headers.get("Pug-Reason", "").strip() or "no reason given"

    @property
    def died_at(self) -> datetime:
        """When the worker gave it up."""
        try:
            died_at = datetime.fromisoformat(self.headers.get("Pug-Died-At", ""))
        except ValueError:
            return self.came_at
        return died_at if died_at.tzinfo else died_at.replace(tzinfo=UTC)

    @property
    def stream(self) -> str:
        """The stream it was in."""
        given = self.headers.get("Pug-Stream", "")
        return given if _STREAM_NAME.fullmatch(given) else STREAM

    @property
    def sequence(self) -> int | None:
        """The place of its message there."""
        return _number(self.headers.get("Pug-Stream-Sequence", ""))

    @property
    def subject(self) -> str:
        """The subject it came on, and goes back to."""
        given = self.headers.get("Pug-Subject", "")
        return given if _SUBJECT.fullmatch(given) else DEFAULT_SUBJECT

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        said = _number(self.headers.get("Pug-Rows", ""))
        return len(self.lines) if said is None else said

    @property
    def lines(self) -> list[bytes]:
        """The content, a row a line."""
        return self.content.split(b"\n") if self.content else []

    def is_about(self, reason: str) -> bool:
        """Whether its reason contains the text, in capitals or not."""
        return reason.casefold() in self.reason.casefold()


def read_row(line: bytes) -> list[object] | None:
    """A row's values; None when the line is no row."""
    try:
        values: object = json.loads(line, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or not values or _depth(cast("object", values)) > _DEPTH:
        return None
    return cast("list[object]", values)


def first_event(letter: DeadLetter) -> str | None:
    """The name of the first event; None when there is none to be read."""
    row = read_row(letter.content.partition(b"\n")[0])
    name = row[_NAME] if row and len(row) > _NAME else None
    return name if isinstance(name, str) else None


def _number(text: str) -> int | None:
    # Python reads digits of other scripts too, and refuses very long numbers.
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) else None


def _finite(text: str) -> float:
    # JSON has no infinity: what Python reads as one could not be written again.
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _depth(value: object) -> int:
    """How deeply lists and objects are nested; whatever writes them recurses, this doesn't."""
    depth, level = 0, _inside(value)
    while level:
        depth += 1
        level = [each for container in level for each in _inside(container)]
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []
