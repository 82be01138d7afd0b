"""Lets the events of one batch in, one after another, and turns them into rows.

A cookieless event is let in without a visitor, who has to be found (services/capture/cookieless) before the batch is made.
"""

from collections.abc import Callable, Mapping

import msgspec

from core.retention import kept_since
from services.capture.batch import Arrival, Batch, Problem, Reason
from services.capture.lists import with_plain_lists
from services.capture.rules import (
    MAX_MS,
    MAX_PROPERTIES_BYTES,
    SERVER_OWNED,
    Refused,
    canonical_event_id,
    check_cookieless,
    check_identity,
    nul_path,
    occurred_at_out_of_range,
    occurred_before_retention,
    printable,
    unix_ms,
)

Properties = Mapping[str, object]
_Row = tuple[str, int, str, str, str, int, int, Properties]

_HOUR_MS = 3_600_000
# A corrected time further ahead than this means that the client's clock was set between the event and the sending.
_MAX_AHEAD_MS = 23 * _HOUR_MS
_DAY_MS = 24 * _HOUR_MS
_LONG_AGO_MS = 20 * 365 * _DAY_MS
# Passes for somebody until the visitor is known.
_SOMEBODY = "cookieless"
_encoder = msgspec.json.Encoder()


class Admission:
    """Events come in through `admit` and `refuse`; `batch` says what became of them."""

    def __init__(self, arrival: Arrival, sent_at_ms: int | None) -> None:
        """`sent_at_ms` is the client's time of sending, when it said one."""
        self._arrival = arrival
        self._project_id = arrival.project_id
        self._received_ms = unix_ms(arrival.received_at)
        self._says_when_sent = sent_at_ms is not None
        self._skew_ms = 0 if sent_at_ms is None else self._received_ms - sent_at_ms
        # Of a time in between there is nothing to say.
        self._earliest_ms = max(0, self._received_ms - _LONG_AGO_MS)
        self._latest_ms = min(MAX_MS, self._received_ms + _MAX_AHEAD_MS)
        self._kept_since = kept_since(arrival.retention_months, arrival.received_at) if arrival.retention_months else None
        self._kept_since_ms = unix_ms(self._kept_since) if self._kept_since else 0
        self._rows: dict[int, _Row] = {}
        self._refused: list[Problem] = []
        self._warnings: dict[int, Problem] = {}
        self._came_without_id: set[int] = set()
        self._unidentified: set[int] = set()

    def admit(  # noqa: PLR0917 - by place: names would cost time for every event
        self,
        index: int,
        event_id: str,
        name: str,
        distinct_id: str,
        session_id: str,
        occurred_ms: int | None,
        properties: Properties,
    ) -> None:
        """Take an event whose properties are already checked, if the rest of it is good."""
        try:
            known_id = canonical_event_id(event_id) if event_id else self._new_event_id(index)
            check_identity(name, distinct_id, session_id)
            at_ms = self._received_ms if occurred_ms is None else self._corrected(index, known_id, occurred_ms)
            if at_ms < self._kept_since_ms:
                raise self._no_longer_kept()
        except Refused as refused:
            self.refuse(index, event_id, refused)
            return
        if not SERVER_OWNED.isdisjoint(properties):
            properties = {key: value for key, value in properties.items() if key not in SERVER_OWNED}
        self._rows[index] = (known_id, self._project_id, name, distinct_id, session_id, at_ms, self._received_ms, properties)

    def admit_cookieless(  # noqa: PLR0917 - as above
        self,
        index: int,
        event_id: str,
        name: str,
        distinct_id: str,
        session_id: str,
        occurred_ms: int | None,
        properties: Properties,
    ) -> None:
        """Take an event whose visitor is still to be found, if the rest of it is good."""
        try:
            check_cookieless(distinct_id, session_id)
        except Refused as refused:
            self.refuse(index, event_id, refused)
            return
        self.admit(index, event_id, name, _SOMEBODY, "", occurred_ms, properties)
        if index in self._rows:
            self._unidentified.add(index)

    @property
    def unidentified(self) -> Mapping[int, int]:
        """The events that still need a visitor, by their place, with the time they occurred at."""
        return {index: self._rows[index][5] for index in self._unidentified}

    @property
    def identified(self) -> int:
        """How many events were let in and need no visitor any more."""
        return len(self._rows) - len(self._unidentified)

    def identify(self, index: int, distinct_id: str, session_id: str) -> None:
        """Say whose a cookieless event is."""
        row = self._rows[index]
        self._rows[index] = (*row[:3], distinct_id, session_id, *row[5:])
        self._unidentified.discard(index)

    def turn_away(self, index: int, refused: Refused) -> None:
        """Keep an event out that was let in."""
        row = self._rows.pop(index)
        self._unidentified.discard(index)
        self.refuse(index, "" if index in self._came_without_id else row[0], refused)

    def refuse(self, index: int, event_id: str, refused: Refused) -> None:
        """Keep an event out, and remember why."""
        field, message = printable(refused.field), printable(refused.message)
        self._refused.append(Problem(index, _readable_id(event_id), refused.reason, field, message))

    def batch(self) -> Batch:
        """The rows of the events that passed, each id once, and what was wrong with the others."""
        if self._unidentified:
            raise RuntimeError("a cookieless event would be stored without its visitor")
        if self._arrival.is_erased:
            self._refuse_erased(self._arrival.is_erased)
        offered = len(self._rows)
        encoded = _encoder.encode_lines(self._rows.values())
        # Each row is a list itself.
        if encoded.count(b"[") > offered:
            self._rows = {index: (*row[:-1], with_plain_lists(row[-1])) for index, row in self._rows.items()}
            encoded = _encoder.encode_lines(self._rows.values())
        # Both are looked for in the whole batch first: as good as always there is nothing to find.
        if _any_too_long(encoded) or (b"\\" in encoded and b"\\u0000" in encoded):
            self._refuse_unstorable()
        duplicates = self._drop_duplicates()
        if len(self._rows) < offered:
            encoded = _encoder.encode_lines(self._rows.values())
        problems = sorted(self._refused + self._all_warnings(), key=lambda problem: problem.index)
        return Batch(self._with_context(encoded)[:-1], [row[0] for row in self._rows.values()], duplicates, problems)

    def _with_context(self, encoded: bytes) -> bytes:
        """The rows, each with what the request says of its client as its last value: the same for all, so it is encoded once."""
        # Inside a row there is no line break, and looking for one byte is faster than for the two that end a row.
        end = b",%b]\n" % _encoder.encode(self._arrival.context)
        return end.join([row[:-1] for row in encoded.split(b"\n")])

    def _new_event_id(self, index: int) -> str:
        self._came_without_id.add(index)
        return self._arrival.new_event_id()

    def _corrected(self, index: int, event_id: str, occurred_ms: int) -> int:
        """The time by our clock: what the client's clock was off when it sent the batch, it was off before."""
        at_ms = occurred_ms + self._skew_ms
        if self._earliest_ms <= at_ms <= self._latest_ms and 0 <= occurred_ms <= MAX_MS:
            return at_ms
        if at_ms < 0 or not 0 <= occurred_ms <= MAX_MS:
            raise occurred_at_out_of_range()
        reason, message = self._odd_time(at_ms)
        self._warnings[index] = Problem(index, event_id, reason, "occurredAt", message, warning=True)
        return occurred_ms if reason is Reason.CLOCK_SKEW_IGNORED else at_ms

    def _no_longer_kept(self) -> Refused:
        assert self._arrival.retention_months
        assert self._kept_since
        return occurred_before_retention(self._arrival.retention_months, self._kept_since)

    def _odd_time(self, at_ms: int) -> tuple[Reason, str]:
        if at_ms < self._earliest_ms:
            return (
                Reason.OCCURRED_LONG_AGO,
                "This happened more than 20 years ago. If it did not, check the clock, and the unit of the time.",
            )
        if self._says_when_sent:
            message = "By `sentAt` this happened more than 23 hours after it was received: the time is kept as it was sent."
            return Reason.CLOCK_SKEW_IGNORED, message
        message = "This happened more than 23 hours after it was received. Check the clock, or send `sentAt`, which corrects it."
        return Reason.OCCURRED_IN_FUTURE, message

    def _all_warnings(self) -> list[Problem]:
        """What the client should know about events that pass."""
        warnings = [warning for index, warning in self._warnings.items() if index in self._rows]
        # Once a batch: all its events were sent at one time.
        if abs(self._skew_ms) > _DAY_MS and (corrected := [index for index, row in self._rows.items() if row[5] != self._received_ms]):
            warnings.append(self._large_skew(corrected[0]))
        return warnings

    def _large_skew(self, index: int) -> Problem:
        days, way = round(abs(self._skew_ms) / _DAY_MS, 1), "behind" if self._skew_ms > 0 else "ahead"
        message = (
            f"By `sentAt` the client's clock is {days:,} days {way}, and the times of the batch were corrected by that. "
            "Say in `sentAt` when the batch is sent, not when it was made."
        )
        return Problem(index, self._rows[index][0], Reason.CLOCK_SKEW_LARGE, "sentAt", message, warning=True)

    def _refuse_erased(self, is_erased: Callable[[str], bool]) -> None:
        """Tell the client what it would else never hear: the worker leaves such events out (workers/settlement.py)."""
        for index, row in list(self._rows.items()):
            if is_erased(row[3]):
                self.turn_away(index, erased())

    def _refuse_unstorable(self) -> None:
        for index, row in list(self._rows.items()):
            refused = _unstorable(row)
            if refused:
                self.turn_away(index, refused)

    def _drop_duplicates(self) -> int:
        """Keep the first event of each id that passed, unless it came before: a refused copy must not hide a good one."""
        ids = {row[0] for row in self._rows.values()}
        seen = self._arrival.recent.known(self._project_id, ids)
        if not seen and len(ids) == len(self._rows):
            return 0
        repeated: list[int] = []
        for index, row in self._rows.items():
            if row[0] in seen:
                repeated.append(index)
            seen.add(row[0])
        for index in repeated:
            del self._rows[index]
        return len(repeated)


def erased() -> Refused:
    """Whoever did it was erased."""
    message = "The person of this distinct id was erased, and the id is refused for good. Send a new one."
    return Refused(Reason.ERASED, "distinctId", message)


def _any_too_long(encoded: bytes) -> bool:
    return len(encoded) > MAX_PROPERTIES_BYTES and max(map(len, encoded.split(b"\n"))) > MAX_PROPERTIES_BYTES


def _unstorable(row: _Row) -> Refused | None:
    _, _, name, distinct_id, session_id, _, _, properties = row
    encoded = _encoder.encode(row)
    if len(encoded) > MAX_PROPERTIES_BYTES and (size := len(_encoder.encode(properties))) > MAX_PROPERTIES_BYTES:
        message = f"The properties take {size:,} bytes; at most {MAX_PROPERTIES_BYTES:,} are allowed. Send less."
        return Refused(Reason.PROPERTIES_TOO_LARGE, "properties", message)
    if b"\\u0000" not in encoded:
        return None
    for field, value in (("name", name), ("distinctId", distinct_id), ("sessionId", session_id), ("properties", properties)):
        if path := nul_path(value, field):
            return Refused(Reason.NUL_CHARACTER, path, "A string holds a NUL character, which databases cut strings at. Remove it.")
    return None


def _readable_id(event_id: str) -> str:
    try:
        return canonical_event_id(event_id)
    except Refused:
        return ""
