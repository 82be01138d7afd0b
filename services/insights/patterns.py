r"""Refuses patterns that cannot be compiled, and those that take ClickHouse long to.

ClickHouse compiles a pattern before it looks at any limit of a query, so what that costs is bounded by what is written. Nearly all of it
are classes of Unicode: `\pL` becomes some 650 instructions, and `\pL{300}` three hundred times as many.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from core.errors import FilterInvalid, QueryTooComplex
from core.sql import Sql, join, sql, text
from services.insights.filters import Patterns

# Asks ClickHouse, within a turn and under limits.
Ask = Callable[[Sql], Awaitable[object]]

# What the patterns of a question are together at most. A unit takes up to 1 µs to compile, which is done a few times for each question.
MAX_SIZE = 100_000
_CHARACTER, _UNICODE = 5, 700
# How much more a repetition costs that may be left out.
_LEFT_OUT = 3
# Reading more would hold others up; of plain characters it is all that may be.
_MAX_CHARACTERS = MAX_SIZE // _CHARACTER
_REMEMBERED = 10_000

# Where this reads a pattern otherwise than RE2 does, RE2 refuses it, or it is taken for larger than it is. Each alternative ends by itself,
# so that the time to read is that of the characters.
_PART = re.compile(
    r"(?P<quoted>\\Q.*?(?:\\E|\Z))"
    r"|(?P<unicode>\\[pP](?:\{[^}]{0,40}\}|.)?)"
    r"|(?P<escaped>\\x\{[^}]{0,40}\}|\\.)"
    r"|(?P<chosen>\[\^?+\]?+(?:\\(?:.|\Z)|\[:\^?\w{1,10}:\]|[^\]\\])*+(?:\]|\Z))"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|(?P<count>\{(?P<least>[0-9]{1,4})(?P<more>,(?P<most>[0-9]{1,4})?)?\})"
    r"|(?P<mark>[*+?])"
    r"|.",
    re.DOTALL,
)
_UNICODE_INSIDE = re.compile(r"\\[pP]")


class KnownPatterns:
    """Knows which patterns can be compiled, of those asked for last: a saved board asks for the same ones again and again."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    async def check(self, written: Patterns, ask: Ask) -> None:
        """Refuse a pattern that cannot be compiled: without an event to try it on, ClickHouse would say nothing about it."""
        digests = [_digest(pattern) for pattern, _ in written]
        unknown = [placed for digest, placed in zip(digests, written, strict=True) if digest not in self._known]
        if unknown:
            try:
                await _compile(unknown, ask)
            except FilterInvalid as error:
                # It doesn't say which of them is wrong.
                raise FilterInvalid(error.message, field=await _first_refused(unknown, ask), hint=error.hint) from error
        self._remember(digests)

    def _remember(self, digests: Iterable[bytes]) -> None:
        for digest in digests:
            self._known[digest] = None
            self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def check_sizes(written: Patterns, most: int = MAX_SIZE) -> None:
    """Refuse patterns that take long to compile together."""
    left, characters = most, 0
    for pattern, field in written:
        characters += len(pattern)
        left = left - size_of(pattern) if characters <= _MAX_CHARACTERS * most // MAX_SIZE else -1
        if left < 0:
            raise QueryTooComplex(
                "The patterns take long to compile.",
                field=field,
                hint=r"Write shorter ones, and repeat classes such as \pL without high counts: \pL+ rather than \pL{300}.",
            )


def size_of(pattern: str) -> int:
    """How large a pattern is when it is compiled, at most: what is repeated counts as often as it is."""
    # Of each group that is open, what is in it so far; and what a count that comes next would repeat.
    sizes, last = [0], 0
    for part in _PART.finditer(pattern):
        match part.lastgroup:
            case "open":
                sizes.append(0)
                continue
            case "mark":
                continue
            case "count":
                added = last * (_times(part) - 1)
                last += added
            case "close" if len(sizes) > 1:
                added = last = sizes.pop() + _CHARACTER
            case _:
                added = last = _size_of_one(part)
        sizes[-1] += added
    return sum(sizes)


def _times(count: re.Match[str]) -> int:
    # `a{3,}` is `aaa+`, and `a{3,5}` is `aaa(?:aa?)?`: from each that may be left out all that comes after them is reached.
    least = max(int(count["least"]), 1)
    if count["most"]:
        return least + _LEFT_OUT * max(int(count["most"]) - least, 0)
    return least + 1 if count["more"] else least


def _size_of_one(part: re.Match[str]) -> int:
    match part.lastgroup:
        case "quoted":
            return _CHARACTER * len(part[0])
        case "unicode":
            return _UNICODE
        case "chosen":
            return _CHARACTER + len(part[0]) + _UNICODE * len(_UNICODE_INSIDE.findall(part[0]))
        case _:
            return _CHARACTER


async def _compile(written: Patterns, ask: Ask) -> None:
    matches = [sql("match('', {pattern})", pattern=text(pattern)) for pattern, _ in written]
    await ask(sql("SELECT {matches}", matches=join(", ", matches)))


async def _first_refused(written: Patterns, ask: Ask) -> str:
    """The path of the first that cannot be compiled, where one cannot."""
    while len(written) > 1:
        first = written[: len(written) // 2]
        try:
            await _compile(first, ask)
            written = written[len(first) :]
        except FilterInvalid:
            written = first
    return written[0][1]


def _digest(pattern: str) -> bytes:
    return hashlib.blake2b(pattern.encode(), digest_size=16).digest()
