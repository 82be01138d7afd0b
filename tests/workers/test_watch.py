"""What a worker on real engines tells about what it does."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

from opentelemetry.trace import SpanKind

from app.backends import Backends
from core.backlog import Backlog
from core.errors import StoreFailed
from core.sending import Sending
from core.server_secrets import ServerSecrets
from core.stream import RowPublisher, state_of
from core.tombstones import Tombstones
from core.tracing import current
from measured import Measured
from story import next_project
from workers.block import BlockRecord
from workers.duplicates import Duplicates
from workers.events import EventsWorker
from workers.ledger import Ledger
from workers.partition import STREAM, Partition
from workers.pull import BlockSize
from workers.store import EventStore
from workers.watch import Watch


def row(project_id: int, event_id: str = "", properties: object = None) -> bytes:
    given: list[object] = [
        event_id or str(uuid.uuid4()),
        project_id,
        "pressed",
        "ann",
        "",
        1_790_000_000_000,
        int(time.time() * 1000),
        properties or {},
    ]
    return json.dumps(given, separators=(",", ":")).encode()


class FailingOnce(EventStore):
    failures = 1

    async def store(self, rows: bytes, record: BlockRecord) -> None:
        if self.failures:
            self.failures = 0
            raise StoreFailed("Something passed.")
        await super().store(rows, record)


@contextlib.asynccontextmanager
async def working(backends: Backends, measured: Measured, store: type[EventStore] = EventStore) -> AsyncGenerator[None]:
    """A worker that is watched; at the end the stream has been emptied."""
    stop, watch = asyncio.Event(), Watch(measured.instruments)
    only = Partition(0, 1)
    worker = EventsWorker(
        only,
        backends.jetstream,
        ledger=Ledger(await backends.jetstream.key_value("BLOCKS"), only.worker, watch),
        store=store(backends.clickhouse, watch),
        duplicates=Duplicates(backends.clickhouse, timedelta(days=7), only),
        tombstones=Tombstones(backends.postgres, ServerSecrets(backends.postgres)),
        size=BlockSize(1000, timedelta(milliseconds=20)),
        watch=watch,
    )
    task = asyncio.create_task(worker.run(stop))
    yield
    while (await state_of(backends.nats, STREAM)).oldest and not task.done():  # noqa: ASYNC110 (what is waited for is in another process)
        await asyncio.sleep(0.02)
    stop.set()
    await task


async def publish(backends: Backends, rows: Sequence[bytes]) -> None:
    await backends.jetstream.publish("events.captured", b"\n".join(rows))


async def test_stored_repeated_and_dead_events_add_up_to_what_was_published(backends: Backends) -> None:
    project, measured, known = next_project(), Measured(), str(uuid.uuid4())
    unreadable = row(project).replace(b"1790000000000", b'"soon"')

    async with working(backends, measured):
        await publish(backends, [row(project, known), row(project)])
        await publish(backends, [row(project, known), row(project), unreadable])

    assert measured.value("pug.events.stored") == 3
    assert measured.value("pug.events.duplicate") == 1
    assert measured.value("pug.events.dead", reason="unreadable") == 1
    assert measured.value("pug.block.retries") == 0
    assert (measured.value("pug.block.insert") or 0) >= (measured.value("pug.block.rows") or 0) > 0


async def test_an_insert_that_is_tried_again_is_counted_and_its_events_once(backends: Backends) -> None:
    project, measured = next_project(), Measured()

    async with working(backends, measured, FailingOnce):
        await publish(backends, [row(project), row(project)])

    assert (measured.value("pug.block.retries"), measured.value("pug.events.stored")) == (1, 2)


async def test_a_request_is_traced_into_the_insert_of_its_rows(backends: Backends) -> None:
    project, measured = next_project(), Measured()
    sending = Sending(measured.meter.create_histogram("pug.capture.publish"), measured.tracer)
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured", sending=sending)

    with current(measured.tracer.start_span("request", kind=SpanKind.SERVER)) as request:
        await publisher.publish(row(project, properties={"email": "ann@example.com"}))
    async with working(backends, measured):
        pass

    trace = request.get_span_context().trace_id
    finished = [span for span in measured.exporter.get_finished_spans() if span.context and span.context.trace_id == trace]
    assert [span.name for span in finished] == ["publish", "request", "look-up", "ledger", "insert", "acknowledge", "block"]
    parents = {span.context.span_id: span.name for span in finished if span.context}
    assert {span.name: parents.get(span.parent.span_id) for span in finished if span.parent} == {
        "publish": "request",
        "block": "publish",
        "look-up": "block",
        "ledger": "block",
        "insert": "block",
        "acknowledge": "block",
    }
    assert not any(leak in span.to_json() for span in finished for leak in ("ann", "pressed", "email"))


async def test_requests_that_share_a_message_are_linked_with_its_span(backends: Backends) -> None:
    project, measured = next_project(), Measured()
    sending = Sending(measured.meter.create_histogram("pug.capture.publish"), measured.tracer)
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured", in_flight=1, sending=sending)

    async def request() -> int:
        with current(measured.tracer.start_span("request")) as span:
            await publisher.publish(row(project))
        return span.get_span_context().trace_id

    traces = await asyncio.gather(*(request() for _ in range(5)))
    async with working(backends, measured):
        pass

    published = measured.spans("publish")
    belonging = {span.context.trace_id for span in published if span.context}
    linked = {link.context.trace_id for span in published for link in span.links}
    assert len(published) < 5
    assert belonging | linked == set(traces)


async def test_without_a_tracer_messages_carry_no_headers(backends: Backends) -> None:
    project, measured = next_project(), Measured()
    sending = Sending(measured.meter.create_histogram("pug.capture.publish"), None)
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured", sending=sending)

    await publisher.publish(row(project))

    message = await backends.jetstream.get_last_msg(STREAM, "events.captured.0")
    assert message.headers is None
    assert measured.value("pug.capture.publish") == 1
    async with working(backends, measured):
        pass


async def test_the_backlog_is_what_waits_in_the_stream(backends: Backends) -> None:
    project, measured = next_project(), Measured()
    backlog = Backlog(backends.nats, STREAM, "DEAD", measured.meter)
    unasked = measured.value("pug.stream.lag.messages")
    await publish(backends, [row(project)])
    await publish(backends, [row(project)])

    await backlog.ask()

    assert unasked is None
    assert measured.value("pug.stream.lag.messages") == 2
    assert (measured.value("pug.stream") or 0) > 2 * len(row(project))
    assert (measured.value("pug.stream.lag") or 0) > 0
    assert measured.value("pug.dead.letters") == (await backends.jetstream.stream_info("DEAD")).state.messages
    async with working(backends, measured):
        pass
    await backlog.ask()
    assert (measured.value("pug.stream.lag.messages"), measured.value("pug.stream.lag")) == (0, 0)


async def test_a_block_goes_on_from_one_of_its_messages_and_is_linked_with_others(backends: Backends) -> None:
    project, measured = next_project(), Measured()
    sending = Sending(measured.meter.create_histogram("pug.capture.publish"), measured.tracer)
    publisher = RowPublisher(backends.nats, backends.jetstream, "events.captured", sending=sending)
    for _ in range(40):
        await publisher.publish(row(project))

    async with working(backends, measured):
        pass

    published = {span.context.trace_id for span in measured.spans("publish") if span.context}
    blocks = measured.spans("block")
    assert len(published) == 40
    assert sum(int(str((span.attributes or {})["pug.messages"])) for span in blocks) == 40
    for span in blocks:
        assert span.context
        traces = [span.context.trace_id, *(link.context.trace_id for link in span.links)]
        assert set(traces) <= published
        assert len(traces) == min(int(str((span.attributes or {})["pug.messages"])), 33)
