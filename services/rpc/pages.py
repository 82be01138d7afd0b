"""Pages of a list: how long they are, and where the next one begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from core.errors import InvalidArgument

T = TypeVar("T")

_DEFAULT = 100
_MAX = 1_000
# Each value in what senders sent takes some 5 µs to become part of a message and then text, in which nobody else is served.
MOST_VALUES = 25_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The entries of a page, and whether others follow."""

    entries: Sequence[T]
    more: bool


def page_size(asked: int) -> int:
    """How many a page has."""
    if not 0 <= asked <= _MAX:
        raise InvalidArgument(f"A page has 1 to {_MAX:,} entries.", field="pageSize", hint=f"0 means {_DEFAULT}.")
    return asked or _DEFAULT


def page_of(found: Sequence[T], size: int, values: Callable[[T], int]) -> Page[T]:
    """The page that begins with what was found, of which one more than `size` says that others follow.

    It is shorter than that where entries hold many values, but has at least one.
    """
    left = MOST_VALUES
    for place, entry in enumerate(found[:size]):
        left -= values(entry)
        if left < 0 and place:
            return Page(found[:place], more=True)
    return Page(found[:size], more=len(found) > size)


def values_in_json(text: str) -> int:
    """About how many values JSON holds, and never fewer: commas in texts count, too."""
    return 1 + text.count(",")


def token_of(*place: str | int | None) -> str:
    """The token of the page after a place; it means nothing to the caller."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(token: str, read: Callable[[list[object]], T]) -> T | None:
    """The place a token stands for, as `read` makes it of its parts; None for the first page."""
    if not token:
        return None
    try:
        parts: object = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        # JSON can name half of a character, which no store takes: UnicodeEncodeError is a ValueError.
        json.dumps(parts, ensure_ascii=False).encode()
        values = cast("list[object]", parts) if isinstance(parts, list) else None
        # No token holds true or false, which a reader's `int()` would take for numbers.
        if values is not None and not any(isinstance(value, bool) for value in values):
            return read(values)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidArgument("That is no page token.", field="pageToken", hint="Take it from the page before, of the same request.")
