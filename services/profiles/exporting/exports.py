"""Hands over everything that is held about a person: what is coming, part by part, and last what was handed over."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from nats.js.client import JetStreamContext
from sqlalchemy.ext.asyncio import AsyncEngine

from core.clickhouse import ClickHouse
from core.errors import StoreUnavailable
from core.person_ids import person_id
from core.postgres import transaction
from core.stream import StreamState
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectResponse as Response
from pug.profiles.v1.data_export_pb2 import ExportOutlook
from services.accounts.audit import Change, note
from services.insights.limits import QueryLimits
from services.insights.people import latest_version
from services.insights.turns import Turns
from services.profiles.activity import Activity
from services.profiles.directory import MAX_IDS_SHOWN, Known
from services.profiles.exporting import dead_letters, events, sessions, traits
from services.profiles.exporting.manifest import Freshness, manifest
from services.profiles.exporting.pages import Page, Pages
from services.profiles.exporting.parts import JSON, NDJSON, Part
from services.profiles.exporting.record import Record, read_record, record_json
from services.profiles.exporting.whose import Whose
from services.rpc.call import Call

_MANIFEST = "manifest.json"
_NOT_TOLD = "ClickHouse hasn't been told yet which ids are this person's."


@dataclass(frozen=True, slots=True)
class Engines:
    """Where something is held about people."""

    postgres: AsyncEngine
    clickhouse: ClickHouse
    jetstream: JetStreamContext
    # The event stream, whose messages are accepted and not stored yet.
    stream: Callable[[], Awaitable[StreamState]]


class Exports:
    """Exports, each page of which is one of the queries its project may run at once: between pages it holds nothing."""

    def __init__(self, engines: Engines, turns: Turns, limits: QueryLimits, now: Callable[[], datetime], version: str) -> None:
        """`limits` are those of one page, however long the whole takes; `version` is Pug's own."""
        self._engines = engines
        self._turns = turns
        self._limits = limits
        self._now = now
        self._version = version

    async def export(self, known: Known, activity: Activity | None, call: Call) -> AsyncGenerator[Response]:
        """Everything about a person. Closing the generator ends the query that runs for it."""
        pages = Pages(self._engines.clickhouse, self._turns, self._limits, call, time.monotonic())
        # Before anything is read: what is accepted from now on may be missing.
        freshness = await self._freshness()
        record = await read_record(self._engines.postgres, call.project.id, known)
        whose = Whose(call.project.id, record.distinct_ids, record.root, record.version)
        await self._check_told(whose, call)
        stored = await events.extent(pages, whose)
        await self._note(record, call)
        person, content = person_id(record.root), await record_json(record, activity)
        parts = [
            (Part("person.json", JSON), _whole(content)),
            (Part("traits.ndjson", NDJSON), traits.pages_of(pages, whose)),
            (Part("events.ndjson", NDJSON), events.pages_of(pages, whose, stored)),
            (Part("sessions.ndjson", NDJSON), sessions.pages_of(pages, whose, stored)),
            (Part("dead_letters.ndjson", NDJSON), dead_letters.pages_of(self._engines.jetstream, call.project.id, record.distinct_ids)),
        ]
        outlook = ExportOutlook(person_id=person, events=stored.events, parts=[*(part.name for part, _ in parts), _MANIFEST])
        yield Response(outlook=outlook)
        for part, contents in parts:
            async with aclosing(_handed_over(part, contents)) as pieces:
                async for piece in pieces:
                    yield piece
        last = manifest(record, [part for part, _ in parts], freshness, project_id=call.project.id, version=self._version)
        async for piece in _handed_over(Part(_MANIFEST, JSON), _whole(last)):
            yield piece

    async def _freshness(self) -> Freshness:
        asked_at = self._now()
        stream = await self._engines.stream()
        return Freshness(asked_at, min(asked_at, stream.oldest or asked_at), stream.messages)

    async def _check_told(self, whose: Whose, call: Call) -> None:
        """Refuse rather than leave something out: ids that are too many to be named are looked up in ClickHouse."""
        if len(whose.distinct_ids) <= MAX_IDS_SHOWN:
            return
        told = (await self._engines.clickhouse.query(latest_version(call.project.id))).rows[0][0]
        if not isinstance(told, int) or told < whose.version:
            raise StoreUnavailable(_NOT_TOLD, hint="Try again in a moment; `pug status` says whether a worker tells it.")

    async def _note(self, record: Record, call: Call) -> None:
        """Reading all that is known of somebody is written down like a change, though it is none: by the hash that a person's id is."""
        async with transaction(self._engines.postgres) as connection:
            await note(connection, call, Change("ExportDataSubject", "person", person_id(record.root), {}))


async def _whole(content: bytes) -> Page:
    yield content


async def _handed_over(part: Part, contents: Page) -> AsyncGenerator[Response]:
    """A part in pieces; one that is empty is there, too."""
    async with aclosing(contents):
        async for content in contents:
            for piece in part.pieces(content):
                yield Response(piece=piece)
    if not part.bytes:
        yield Response(piece=part.empty())
