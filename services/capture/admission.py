"""Lets the events of one batch in, one after another, and turns them into rows."""

from collections.abc import Mapping

import msgspec

from services.capture.batch import Arrival, Batch, Problem, Reason
from services.capture.lists import with_plain_lists
from services.capture.rules import (
    MAX_MS,
    MAX_PROPERTIES_BYTES,
    SERVER_OWNED,
    Refused,
    canonical_event_id,
    check_identity,
    nul_path,
    occurred_at_out_of_range,
    printable,
    unix_ms,
)

Properties = Mapping[str, object]
_Row = tuple[str, int, str, str, str, int, int, Properties]

_HOUR_MS = 3_600_000
# A corrected time further ahead than this means that the client's clock was set between the event and the sending.
_MAX_AHEAD_MS = 23 * _HOUR_MS
_encoder = msgspec.json.Encoder()


class Admission:
    """Events come in through `admit` and `refuse`; `batch` says what became of them."""

    def __init__(self, arrival: Arrival, sent_at_ms: int | None) -> None:
        """`sent_at_ms` is the client's time of sending, when it said one."""
        self._arrival = arrival
        self._project_id = arrival.project_id
        self._received_ms = unix_ms(arrival.received_at)
        self._skew_ms = 0 if sent_at_ms is None else self._received_ms - sent_at_ms
        self._latest_ms = MAX_MS if sent_at_ms is None else min(MAX_MS, self._received_ms + _MAX_AHEAD_MS)
        self._rows: dict[int, _Row] = {}
        self._refused: list[Problem] = []
        self._warnings: dict[int, Problem] = {}
        self._came_without_id: set[int] = set()

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
        except Refused as refused:
            self.refuse(index, event_id, refused)
            return
        if not SERVER_OWNED.isdisjoint(properties):
            properties = {key: value for key, value in properties.items() if key not in SERVER_OWNED}
        self._rows[index] = (known_id, self._project_id, name, distinct_id, session_id, at_ms, self._received_ms, properties)

    def refuse(self, index: int, event_id: str, refused: Refused) -> None:
        """Keep an event out, and remember why."""
        field, message = printable(refused.field), printable(refused.message)
        self._refused.append(Problem(index, _readable_id(event_id), refused.reason, field, message))

    def batch(self) -> Batch:
        """The rows of the events that passed, each id once, and what was wrong with the others."""
        offered = len(self._rows)
        encoded = _encoder.encode_lines(self._rows.values())
        # Each row is a list itself.
        if encoded.count(b"[") > offered:
            self._rows = {index: (*row[:-1], with_plain_lists(row[-1])) for index, row in self._rows.items()}
            encoded = _encoder.encode_lines(self._rows.values())
        # Both are looked for in the whole batch first: as good as always there is nothing to find.
        if len(encoded) > MAX_PROPERTIES_BYTES or (b"\\" in encoded and b"\\u0000" in encoded):
            self._refuse_unstorable()
        duplicates = self._drop_duplicates()
        if len(self._rows) < offered:
            encoded = _encoder.encode_lines(self._rows.values())
        warnings = [warning for index, warning in self._warnings.items() if index in self._rows]
        problems = sorted(self._refused + warnings, key=lambda problem: problem.index)
        return Batch(rows=encoded[:-1], accepted=len(self._rows), duplicates=duplicates, problems=problems)

    def _new_event_id(self, index: int) -> str:
        self._came_without_id.add(index)
        return self._arrival.new_event_id()

    def _corrected(self, index: int, event_id: str, occurred_ms: int) -> int:
        """The time by our clock: what the client's clock was off when it sent the batch, it was off before."""
        at_ms = occurred_ms + self._skew_ms
        if 0 <= at_ms <= self._latest_ms and 0 <= occurred_ms <= MAX_MS:
            return at_ms
        if at_ms < 0 or not 0 <= occurred_ms <= MAX_MS:
            raise occurred_at_out_of_range()
        message = "By `sentAt` this happened more than 23 hours after it was received: the time is kept as it was sent."
        self._warnings[index] = Problem(index, event_id, Reason.CLOCK_SKEW_IGNORED, "occurredAt", message, warning=True)
        return occurred_ms

    def _refuse_unstorable(self) -> None:
        for index, row in list(self._rows.items()):
            refused = _unstorable(row)
            if refused:
                del self._rows[index]
                self.refuse(index, "" if index in self._came_without_id else row[0], refused)

    def _drop_duplicates(self) -> int:
        """Keep the first event of each id that passed: a refused copy must not hide a good one."""
        if len({row[0] for row in self._rows.values()}) == len(self._rows):
            return 0
        seen: set[str] = set()
        repeated: list[int] = []
        for index, row in self._rows.items():
            if row[0] in seen:
                repeated.append(index)
            seen.add(row[0])
        for index in repeated:
            del self._rows[index]
        return len(repeated)


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
