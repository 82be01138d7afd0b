"""Builds every object from the settings and the engines, by hand and once."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version

from nats.aio.client import Client as NatsClient
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.accounts import Accounts, build_accounts, regularly
from app.attaching import is_embedded
from app.backends import Backends
from app.demo.seeding import Listeners
from app.migrate import open_bucket
from core.backlog import Backlog
from core.bucket import Bucket
from core.certificates import SIGNING_KEY
from core.dead_letters import DEAD
from core.errors import SettingsInvalid
from core.instruments import Instruments
from core.room import Room
from core.sending import Sending
from core.server_secrets import ServerSecrets
from core.settings import Settings
from core.stream import RowPublisher, partitions_of, state_of, watermark_of
from core.tombstones import KEY as TOMBSTONES
from core.tombstones import Tombstones
from pug.accounts.v1.accounts_connect import AccountsServiceASGIApplication
from pug.accounts.v1.accounts_pb2 import DESCRIPTOR as ACCOUNTS
from pug.capture.v1.capture_connect import CaptureServiceASGIApplication
from pug.capture.v1.capture_pb2 import DESCRIPTOR as CAPTURE
from pug.dashboards.v1.dashboards_connect import DashboardsServiceASGIApplication
from pug.dashboards.v1.dashboards_pb2 import DESCRIPTOR as DASHBOARDS
from pug.insights.v1.insights_connect import InsightsServiceASGIApplication
from pug.insights.v1.insights_pb2 import DESCRIPTOR as INSIGHTS
from pug.insights.v1.insights_pb2 import QueryRequest
from pug.profiles.v1.profiles_connect import ProfilesServiceASGIApplication
from pug.profiles.v1.profiles_pb2 import DESCRIPTOR as PROFILES
from services.accounts.repository import AccountsRepository
from services.capture.context.addresses import Origins
from services.capture.context.enricher import Enricher
from services.capture.context.places import open_places
from services.capture.cookieless.degradations import Degradations
from services.capture.cookieless.salts import Salts
from services.capture.cookieless.sessions import Sessions
from services.capture.cookieless.visitors import Visitors
from services.capture.measured import MeasuredCapture
from services.capture.metrics import CaptureMetrics
from services.capture.service import CaptureService
from services.capture.uuid7 import new_uuid7
from services.dashboards.board_repository import BoardRepository
from services.dashboards.boards import Boards
from services.dashboards.metrics import RenderMetrics
from services.dashboards.saved_insight_repository import SavedInsightRepository
from services.dashboards.service import DashboardsService
from services.dashboards.shares import PREFIX as SHARE
from services.dashboards.shares import Shares
from services.insights.engine import QueryLimits
from services.insights.result_cache import ResultCache
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.insights.watch import QueryWatch
from services.profiles.directory import Directory
from services.profiles.erasures import Erasures
from services.profiles.exporting.exports import Engines, Exports
from services.profiles.holdings import Holdings
from services.profiles.reader import Reader
from services.profiles.repository import ProfilesRepository
from services.profiles.service import ProfilesService
from services.rpc.call import Call
from services.rpc.gate import Gate
from services.rpc.observing import Calls
from services.rpc.service import Service
from services.rpc.strangers import Strangers
from services.rpc.turnstile import Limits, Turnstile
from workers.partition import STREAM

_SUBJECT = "events.captured"
_SALTS = "COOKIELESS_SALTS"
_SESSIONS = "COOKIELESS_SESSIONS"
# Only batches of events are large; a question that long would just keep the event loop reading.
_QUESTION_BYTES = 128 * 1024
# Capture refuses ids of erased people from a moment after; events that come meanwhile the worker leaves out.
_TOMBSTONES_EVERY = timedelta(seconds=2)
# A board holds up to 100 questions, or long texts.
_BOARD_BYTES = 2 * 2**20


class Role(StrEnum):
    """What a process does."""

    CAPTURE = "capture"
    QUERY = "query"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Edge:
    """What answers RPCs."""

    services: tuple[Service, ...]
    gate: Gate
    calls: Calls
    publisher: RowPublisher
    accounts: Accounts
    # Whom a demo is told.
    listeners: Listeners
    tombstones: Tombstones

    async def keep_up(self, stop: asyncio.Event) -> None:
        """Do what has to be done again and again until told to stop, and once more at the end."""
        await asyncio.gather(self.accounts.keep_up(stop), regularly(self.tombstones.refresh, _TOMBSTONES_EVERY, stop))


async def build_edge(settings: Settings, backends: Backends, instruments: Instruments, roles: frozenset[Role]) -> Edge:
    """The services of these roles and the gate before them."""
    metrics = CaptureMetrics(instruments)
    sending = Sending(metrics.publish_seconds, instruments.tracer)
    partitions = await event_partitions(backends.jetstream)
    publisher = RowPublisher(
        backends.nats, backends.jetstream, _SUBJECT, partitions=partitions, sending=sending, has_room=_room(settings, backends)
    )
    shares = Shares(backends.postgres)
    accounts = build_accounts(settings, backends.postgres, {SHARE: shares.find_credential}, instruments)
    secrets = server_secrets(settings, backends.postgres)
    tombstones = Tombstones(backends.postgres, secrets)
    profiles = ProfilesRepository(backends.postgres, secrets)
    origins = Origins(settings.trusted_proxies)
    enricher = Enricher(origins, open_places(settings.geo_database))
    limits = QueryLimits(timedelta(seconds=settings.query_timeout_s), settings.query_memory_bytes)
    turns = Turns(AtOnce(settings.clickhouse_connections, settings.project_concurrent_queries, settings.project_waiting_queries))
    captured = CaptureService(
        publisher.publish,
        _now,
        new_uuid7,
        client_of=enricher.client,
        visitors=build_visitors(settings, backends, metrics),
        erased_in=tombstones.refusing,
    )
    capture = (
        Service(
            CAPTURE.services_by_name["CaptureService"],
            CaptureServiceASGIApplication,
            MeasuredCapture(captured, metrics),
            encoded=True,
            beacons=frozenset({"Capture"}),
            small_answers=True,
        ),
    )
    insights = InsightsService(
        backends.clickhouse,
        lambda: watermark_of(backends.nats, STREAM, _now()),
        _now,
        limits,
        turns,
        ResultCache(),
        QueryWatch(instruments, timedelta(seconds=settings.slow_query_s)),
    )
    query = (
        Service(
            INSIGHTS.services_by_name["InsightsService"],
            InsightsServiceASGIApplication,
            insights,
            max_bytes=_QUESTION_BYTES,
        ),
        Service(
            DASHBOARDS.services_by_name["DashboardsService"],
            DashboardsServiceASGIApplication,
            DashboardsService(
                backends.postgres,
                answer=insights.query,
                check=insights.check,
                now=_now,
                forget=accounts.credentials.forget,
                metrics=RenderMetrics(instruments),
                most=settings.project_boards,
            ),
            max_bytes=_BOARD_BYTES,
        ),
        Service(
            PROFILES.services_by_name["ProfilesService"],
            ProfilesServiceASGIApplication,
            build_profiles(backends, profiles, secrets, turns, limits),
            max_bytes=_QUESTION_BYTES,
        ),
        Service(
            ACCOUNTS.services_by_name["AccountsService"],
            AccountsServiceASGIApplication,
            accounts.service,
            max_bytes=_QUESTION_BYTES,
        ),
    )
    services = (*(capture if Role.CAPTURE in roles else ()), *(query if Role.QUERY in roles else ()))
    allowed = Limits(
        settings.key_events_per_second,
        settings.key_concurrent_requests,
        settings.peer_concurrent_requests,
        settings.concurrent_requests,
    )
    strangers = Strangers(lambda sender: str(origins.find(sender).address or ""), settings.peer_calls_per_second, time.monotonic)
    gate = Gate(
        accounts.credentials.find,
        [service.descriptor for service in services],
        Turnstile(allowed, time.monotonic),
        strangers,
        accounts.key_uses.note,
    )
    return Edge(services, gate, Calls(instruments), publisher, accounts, _listeners(publisher, backends.postgres, profiles), tombstones)


def server_secrets(settings: Settings, postgres: AsyncEngine) -> ServerSecrets:
    """Those that settings give, and others."""
    said = {TOMBSTONES: settings.erasure_key, SIGNING_KEY: settings.erasure_signing_key}
    return ServerSecrets(postgres, {name: bytes.fromhex(secret.get_secret_value()) for name, secret in said.items() if secret})


def build_profiles(
    backends: Backends, repository: ProfilesRepository, secrets: ServerSecrets, turns: Turns, limits: QueryLimits
) -> ProfilesService:
    """What answers about people; whoever reads much waits for a turn."""
    reader = Reader(Directory(backends.postgres), backends.clickhouse, limits, _now)
    erasures = Erasures(backends.postgres, secrets, Holdings(backends.clickhouse, backends.jetstream, limits))
    engines = Engines(backends.postgres, backends.clickhouse, backends.jetstream, lambda: state_of(backends.nats, STREAM))
    exports = Exports(engines, turns, limits, _now, version("pug"))
    return ProfilesService(repository, reader, erasures, exports, turns)


def _room(settings: Settings, backends: Backends) -> Callable[[], bool]:
    if not is_embedded(settings, "NATS_URL"):
        # The disk is another machine's.
        return lambda: True
    return Room(backends.folder.path, settings.disk_reserve_bytes).left


async def demo_listeners(settings: Settings, nats: NatsClient, postgres: AsyncEngine) -> Listeners:
    """Whom a demo is told, where nothing is served."""
    jetstream = nats.jetstream()
    instruments = Instruments.none()
    sending = Sending(CaptureMetrics(instruments).publish_seconds, None)
    publisher = RowPublisher(nats, jetstream, _SUBJECT, partitions=await event_partitions(jetstream), sending=sending)
    return _listeners(publisher, postgres, ProfilesRepository(postgres, server_secrets(settings, postgres)))


def _listeners(publisher: RowPublisher, postgres: AsyncEngine, profiles: ProfilesRepository) -> Listeners:
    async def unchecked(_request: QueryRequest, _call: Call) -> None:
        """The demo's boards are checked by a test."""

    boards = Boards(BoardRepository(postgres), SavedInsightRepository(postgres), unchecked, _now, lambda _key_id: None)
    return Listeners(AccountsRepository(postgres), publisher.publish, profiles, boards)


def build_visitors(settings: Settings, backends: Backends, metrics: CaptureMetrics) -> Visitors:
    """What tells cookieless visitors apart; processes that share a NATS come to the same."""
    degradations = Degradations(metrics.cookieless_degraded)

    def bucket(name: str) -> Bucket:
        return Bucket(backends.nats, lambda: open_bucket(backends.jetstream, settings, name))

    return Visitors(Salts(bucket(_SALTS), degradations), Sessions(bucket(_SESSIONS), degradations), degradations)


async def event_partitions(jetstream: JetStreamContext) -> int:
    """How many partitions the event stream has; refuses to go on without the stream."""
    try:
        return partitions_of((await jetstream.stream_info(STREAM)).config)
    except NotFoundError:
        raise SettingsInvalid(f"NATS has no stream {STREAM}.", field="NATS_URL", hint="Run `pug migrate` first.") from None


async def watch_backlog(backends: Backends, instruments: Instruments, stop: asyncio.Event) -> None:
    """Keep an eye on the streams until told to stop."""
    await Backlog(backends.nats, STREAM, DEAD, instruments.meter).watch(stop)


def _now() -> datetime:
    return datetime.now(UTC)
