"""Cuts a visitor's day into sessions: events no more than half an hour from each other's are of one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

GAP_MS = 30 * 60_000

_read = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its number within the day, and its first and last activity in Unix milliseconds."""

    number: int
    first_ms: int
    last_ms: int

    def holds(self, ms: int) -> bool:
        """Whether it was going on then."""
        return self.first_ms <= ms <= self.last_ms

    def reaches(self, ms: int) -> bool:
        """Whether an event then belongs to it."""
        return self.first_ms - GAP_MS <= ms <= self.last_ms + GAP_MS


Day = tuple[Session, ...]


def stitch(day: Day, moments: Iterable[int]) -> Day:
    """The day's sessions in their order, now with one that holds each moment. No order of the moments gives another result.

    Sessions only grow, and never into each other: a moment that one holds is of that one for ever, so a retry finds what it found before.
    """
    for ms in sorted(moments):
        if session_at(day, ms) is None:
            day = _with(day, ms)
    return day


def session_at(day: Day, ms: int) -> Session | None:
    """The session that was going on then."""
    return next((session for session in day if session.holds(ms)), None)


def _with(day: Day, ms: int) -> Day:
    # Only its neighbours, since one further away would grow over them. When both are in reach, the later is the one the visitor is in.
    after = next((session for session in day if session.first_ms > ms), None)
    before = next((session for session in reversed(day) if session.last_ms < ms), None)
    near = next((session for session in (after, before) if session and session.reaches(ms)), None)
    if near is None:
        # Numbered by its half hour rather than in turn: that is the same whatever else came before. No two begin in one.
        return tuple(sorted((*day, Session(ms // GAP_MS, ms, ms)), key=lambda session: session.first_ms))
    grown = replace(near, first_ms=min(near.first_ms, ms), last_ms=max(near.last_ms, ms))
    return tuple(grown if session is near else session for session in day)


def to_bytes(day: Day) -> bytes:
    """The sessions as they are kept."""
    return msgspec.json.encode([(session.number, session.first_ms, session.last_ms) for session in day])


def from_bytes(stored: bytes) -> Day:
    """The sessions that were kept; msgspec.DecodeError when it isn't that."""
    return tuple(Session(*parts) for parts in _read(stored))
