import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import BatchTooLarge, StreamUnavailable
from pug.capture.v1 import capture_pb2 as pb
from services.capture.service import CaptureService
from services.capture.uuid7 import new_uuid7
from services.rpc.call import Call, Credential, Project, Scope
from services.rpc.service import EncodedMessage
from visiting import nobody, unknown

GOOD = {"name": "signed_up", "distinctId": "ann"}


@dataclass
class Stream:
    """Keeps what was published, or is away."""

    away: bool = False
    published: list[bytes] = field(default_factory=list[bytes])

    async def publish(self, rows: bytes) -> None:
        if self.away:
            raise StreamUnavailable("Away.")
        self.published.append(rows)


@dataclass
class Meter:
    """Keeps what was charged, and asks for a pause each time."""

    pause: timedelta = timedelta()
    charged: list[int] = field(default_factory=list[int])

    def charge(self, events: int) -> timedelta:
        self.charged.append(events)
        return self.pause


def service(stream: Stream) -> CaptureService:
    return CaptureService(stream.publish, lambda: datetime(2026, 3, 1, tzinfo=UTC), new_uuid7, client_of=unknown, visitors=nobody())


def call(meter: Meter) -> Call:
    return Call(Credential("key", Project(7, "UTC"), frozenset({Scope.CAPTURE})), "request", charge=meter.charge)


def batch(*events: object) -> EncodedMessage:
    return EncodedMessage(json.dumps({"events": events}).encode(), is_json=True)


async def answers(stream: Stream, meter: Meter, *batches: EncodedMessage) -> list[pb.CaptureStreamResponse]:
    async def requests() -> AsyncIterator[EncodedMessage]:
        for each in batches:
            yield each

    return [answer async for answer in service(stream).capture_stream(requests(), call(meter))]


async def test_events_of_who_is_erased_are_refused_with_the_reason_and_their_neighbours_pass() -> None:
    stream = Stream()
    capturing = CaptureService(
        stream.publish,
        lambda: datetime(2026, 3, 1, tzinfo=UTC),
        new_uuid7,
        client_of=unknown,
        visitors=nobody(),
        erased_in=lambda project_id: {"zoe", "zö"}.__contains__ if project_id == 7 else None,
    )
    events = batch(GOOD, {**GOOD, "distinctId": "zoe"}, {**GOOD, "distinctId": "zö"})

    receipt = await capturing.capture(events, call(Meter()))
    elsewhere = await capturing.capture(events, Call(Credential("key", Project(8, "UTC"), frozenset({Scope.CAPTURE})), "request"))

    assert [(problem.index, problem.reason, problem.field) for problem in receipt.problems] == [
        (1, "ERASED", "distinctId"),
        (2, "ERASED", "distinctId"),
    ]
    assert (receipt.accepted, receipt.rejected, elsewhere.accepted) == (1, 2, 3)
    assert "new one" in receipt.problems[0].message


async def test_a_batch_is_charged_with_all_its_events_good_or_bad() -> None:
    meter, identified = Meter(), GOOD | {"eventId": "0195b0a2-0000-7000-8000-000000000001"}

    await service(Stream()).capture(batch(identified, identified, {"name": "nobody"}), call(meter))

    assert meter.charged == [3]


async def test_a_batch_that_cannot_be_taken_is_answered_and_the_stream_goes_on() -> None:
    stream = Stream()

    good, unreadable, too_many, last = await answers(
        stream, Meter(), batch(GOOD), EncodedMessage(b"{", is_json=True), batch(*[GOOD] * 1_001), batch(GOOD, GOOD)
    )

    assert (good.receipt.accepted, last.receipt.accepted) == (1, 2)
    assert (unreadable.error.info.reason, too_many.error.info.reason) == ("MALFORMED_REQUEST", "BATCH_TOO_LARGE")
    assert "1,001" in too_many.error.message
    assert not too_many.HasField("receipt")
    assert not good.HasField("error")
    assert len(stream.published) == 2


async def test_an_engine_that_is_away_ends_the_stream() -> None:
    with pytest.raises(StreamUnavailable):
        await answers(Stream(away=True), Meter(), batch(GOOD), batch(GOOD))


async def test_a_single_batch_that_is_too_large_is_an_error_of_the_call() -> None:
    with pytest.raises(BatchTooLarge):
        await service(Stream()).capture(batch(*[GOOD] * 1_001), call(Meter()))


async def test_every_batch_of_a_stream_is_charged_whatever_becomes_of_it() -> None:
    meter = Meter(pause=timedelta(microseconds=1))

    await answers(Stream(), meter, batch(GOOD, GOOD), EncodedMessage(b"{", is_json=True), batch(GOOD))

    assert meter.charged == [2, 0, 1]


async def test_an_event_that_comes_again_is_told_as_a_duplicate_and_not_published_again() -> None:
    stream, first, second = Stream(), {**GOOD, "eventId": str(uuid.uuid4())}, {**GOOD, "eventId": str(uuid.uuid4())}
    capture = service(stream).capture

    await capture(batch(first), call(Meter()))
    receipt = await capture(batch({**first, "name": "changed"}, second), call(Meter()))

    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (1, 1, 0)
    assert len(stream.published) == 2
    assert str(first["eventId"]).encode() not in stream.published[1]


async def test_an_event_the_stream_did_not_take_is_no_duplicate_when_it_comes_again() -> None:
    stream, event = Stream(away=True), {**GOOD, "eventId": str(uuid.uuid4())}
    capture = service(stream).capture

    with pytest.raises(StreamUnavailable):
        await capture(batch(event), call(Meter()))
    stream.away = False
    receipt = await capture(batch(event), call(Meter()))

    assert (receipt.accepted, receipt.duplicates) == (1, 0)
