import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from batches import ID, event
from core.errors import BatchTooLarge, StreamUnavailable
from measured import Measured
from services.capture.measured import MeasuredCapture
from services.capture.metrics import CaptureMetrics
from services.capture.service import CaptureService
from services.capture.uuid7 import new_uuid7
from services.rpc.call import Call, Credential, Project
from services.rpc.service import EncodedMessage
from visiting import nobody, unknown

CALL = Call(Credential("1", Project(7, "UTC"), frozenset()), "request-1")


def service(measured: Measured, *, failing: bool = False) -> MeasuredCapture:
    async def publish(_rows: bytes) -> None:
        if failing:
            raise StreamUnavailable("The event stream did not take the batch.")

    inner = CaptureService(publish, lambda: datetime(2026, 3, 1, 12, tzinfo=UTC), new_uuid7, client_of=unknown, visitors=nobody())
    return MeasuredCapture(inner, CaptureMetrics(measured.untraced))


def batch(*events: object, **fields: object) -> EncodedMessage:
    return EncodedMessage(json.dumps({"events": events, **fields}).encode(), is_json=True)


async def test_what_became_of_a_batch_is_counted_as_its_receipt_says() -> None:
    measured = Measured()
    warned = event(eventId="", occurredAt="2026-03-05T12:00:00Z")
    refused = [event(name=""), event(name=""), event(distinctId="")]

    receipt = await service(measured).capture(batch(event(), event(), warned, *refused, sentAt="2026-03-01T12:00:00Z"), CALL)

    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (2, 1, 3)
    assert {name: value for name, value in measured.points().items() if value} == {
        ("pug.capture.events.accepted", ()): 2,
        ("pug.capture.events.duplicate", ()): 1,
        ("pug.capture.events.rejected", (("reason", "NAME_MISSING"),)): 2,
        ("pug.capture.events.rejected", (("reason", "DISTINCT_ID_MISSING"),)): 1,
        ("pug.capture.events.warned", (("reason", "CLOCK_SKEW_IGNORED"),)): 1,
        ("pug.capture.requests", (("code", "ok"),)): 1,
        ("pug.capture.batch.events", ()): 1,
    }


async def test_batches_that_fail_are_counted_by_their_code_and_none_of_their_events() -> None:
    measured = Measured()
    failing = service(measured, failing=True)

    with pytest.raises(StreamUnavailable):
        await failing.capture(batch(event()), CALL)
    with pytest.raises(BatchTooLarge):
        await failing.capture(batch(*[event()] * 1001), CALL)

    assert measured.value("pug.capture.requests", code="unavailable") == 1
    assert measured.value("pug.capture.requests", code="resource_exhausted") == 1
    assert measured.value("pug.capture.events.accepted") == 0


async def test_each_batch_of_a_stream_counts() -> None:
    measured = Measured()

    async def requests() -> AsyncIterator[EncodedMessage]:
        yield batch(event())
        yield batch(event(eventId=ID[:-1] + "8"), event(eventId=ID[:-1] + "9"))

    receipts = [response.receipt.accepted async for response in service(measured).capture_stream(requests(), CALL)]

    assert receipts == [1, 2]
    assert (measured.value("pug.capture.events.accepted"), measured.value("pug.capture.requests", code="ok")) == (3, 2)


def test_a_degraded_visitor_is_counted_by_reason() -> None:
    measured = Measured()

    CaptureMetrics(measured.untraced).cookieless_degraded("salt_unavailable", 3)

    assert measured.value("pug.cookieless.degraded", reason="salt_unavailable") == 3
