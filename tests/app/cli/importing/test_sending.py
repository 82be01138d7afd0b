import json
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from app.cli.importing.batches import MOST_BYTES, Batch, Entry, batches_of
from app.cli.importing.checkpoint import Totals, Warned
from app.cli.importing.records import Position, Record
from app.cli.importing.sending import Capture, CaptureRefused, Outcome, Problem, Receipt, deliver, deliver_all, patient


def entries(count: int) -> list[Entry]:
    return [Entry(line, b"%d" % line, b"line %d" % line) for line in range(1, count + 1)]


def refusing(is_bad: Callable[[list[int]], bool], code: Code, message: str = "no") -> tuple[Capture, list[int]]:
    """A capture that takes or refuses whole batches, and what it has taken."""
    taken: list[int] = []

    def capture(body: bytes) -> Receipt:
        events: list[int] = json.loads(body)["events"]
        if is_bad(events):
            raise CaptureRefused(ConnectError(code, message), None)
        taken.extend(events)
        return Receipt(accepted=len(events))

    return capture, taken


def test_rejects_are_the_problems_that_are_no_warnings_with_the_lines_they_came_from() -> None:
    problems = [Problem(1, "NAME_MISSING", "name", "Give a name."), Problem(2, "CLOCK_SKEW_IGNORED", warning=True)]

    outcome = deliver(entries(3), lambda _: Receipt(accepted=2, duplicates=0, rejected=1, problems=problems))

    assert (outcome.totals.accepted, outcome.totals.duplicates, outcome.totals.rejected) == (2, 0, 1)
    assert [(reject.line, reject.reason, reject.raw) for reject in outcome.rejects] == [(2, "NAME_MISSING", b"line 2")]


def test_warnings_are_counted_by_reason_with_what_one_of_them_says() -> None:
    problems = [Problem(index, "OCCURRED_LONG_AGO", message="Old.", warning=True) for index in range(2)]
    problems.append(Problem(2, "CLOCK_SKEW_IGNORED", message="Odd.", warning=True))

    outcome = deliver(entries(3), lambda _: Receipt(accepted=3, problems=problems))
    twice = outcome.plus(outcome)

    assert outcome.totals.warnings == {"OCCURRED_LONG_AGO": Warned(2, "Old."), "CLOCK_SKEW_IGNORED": Warned(1, "Odd.")}
    assert {reason: warned.events for reason, warned in twice.totals.warnings.items()} == {"OCCURRED_LONG_AGO": 4, "CLOCK_SKEW_IGNORED": 2}
    assert outcome.rejects == []


def test_a_batch_that_is_too_large_goes_in_halves() -> None:
    capture, taken = refusing(lambda events: len(events) > 3, Code.RESOURCE_EXHAUSTED, "message is larger than configured max 10")

    outcome = deliver(entries(10), capture)

    assert outcome == Outcome(Totals(accepted=10), [])
    assert taken == list(range(1, 11))


def test_an_event_that_spoils_its_batch_is_rejected_alone() -> None:
    capture, taken = refusing(lambda events: 7 in events, Code.INVALID_ARGUMENT)

    outcome = deliver(entries(10), capture)

    assert outcome.totals == Totals(accepted=9, rejected=1)
    assert [reject.line for reject in outcome.rejects] == [7]
    assert 7 not in taken


def test_a_refusal_that_is_not_about_the_events_ends_the_import() -> None:
    capture, _ = refusing(lambda _: True, Code.UNAUTHENTICATED)

    with pytest.raises(CaptureRefused):
        deliver(entries(10), capture)


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED])
def test_a_server_that_comes_back_gets_the_batch_again_and_the_person_hears_of_it(code: Code) -> None:
    calls: list[bytes] = []
    notes: list[str] = []

    def capture(body: bytes) -> Receipt:
        calls.append(body)
        if len(calls) == 1:
            raise CaptureRefused(ConnectError(code, "busy"), timedelta(seconds=0))
        return Receipt(accepted=1)

    assert patient(capture, timedelta(seconds=10), notes.append, threading.Event())(b"body").accepted == 1
    assert calls == [b"body", b"body"]
    assert len(notes) == 1


def test_retry_after_is_waited_for() -> None:
    waits: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return True

    capture, _ = refusing(lambda _: len(waits) == 0, Code.RESOURCE_EXHAUSTED)

    def busy(body: bytes) -> Receipt:
        try:
            return capture(body)
        except CaptureRefused as refusal:
            raise CaptureRefused(refusal.error, timedelta(seconds=40)) from refusal

    patient(busy, timedelta(seconds=100), lambda _: None, Stop())(b'{"events":[]}')

    assert waits == [40.0]


def test_giving_up_raises_what_the_server_said_last() -> None:
    capture, _ = refusing(lambda _: True, Code.UNAVAILABLE, "away")

    with pytest.raises(CaptureRefused, match="away"):
        patient(capture, timedelta(0), lambda _: None, threading.Event())(b'{"events":[]}')


def test_batches_are_done_in_the_order_of_the_file_whatever_comes_back_first() -> None:
    first_may_end = threading.Event()
    done: list[int] = []

    def capture(body: bytes) -> Receipt:
        events: list[int] = json.loads(body)["events"]
        if events == [1]:
            assert first_may_end.wait(5)
        else:
            first_may_end.set()
        return Receipt(accepted=1)

    batches = [Batch(Position(line, line), [Entry(line, b"%d" % line, b"")]) for line in (1, 2, 3, 4)]
    deliver_all(batches, capture, 2, lambda batch, _: done.append(batch.end.line), threading.Event())

    assert done == [1, 2, 3, 4]


def test_batches_hold_no_more_than_capture_takes() -> None:
    records = [Record(line, Position(line, line), b"", []) for line in range(1, 2502)]

    by_count = list(batches_of(records, lambda _: b"{}", Position(0, 0)))
    by_bytes = list(batches_of(records[:10], lambda _: b"x" * (MOST_BYTES // 3), Position(0, 0)))

    assert [len(batch.entries) for batch in by_count] == [1000, 1000, 501]
    assert [batch.end.line for batch in by_count] == [1000, 2000, 2501]
    assert [len(batch.entries) for batch in by_bytes] == [2, 2, 2, 2, 2]
