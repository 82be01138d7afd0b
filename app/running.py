"""Runs a process of Pug from its first line of log to a clean stop."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.backends import Backends, open_backends
from app.backup.beside import taking_backups
from app.demo.seeding import Listeners, fill
from app.demo.telling import Demo
from app.fleet import Fleet
from app.migrate import migrate
from app.projects import ProjectKeys, ensure_project, write_private
from app.reporting.engine_watch import EngineWatch
from app.reporting.over_nats import reporting
from app.reporting.reporter import Reporter
from app.schema import migrations_of, require_current, require_known
from app.schema_beside import telling_schema
from app.serving import Ports, Servers, held_port
from app.telemetry import Telemetry, open_telemetry
from app.wiring import Edge, Role, build_edge, watch_backlog
from app.working import run_workers
from core.errors import PugError
from core.instruments import Instruments
from core.settings import Settings
from workers.pause import Pause

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# The ports, where metrics are, the first project, and the demo's if there is one.
Ready = Callable[[Ports, str | None, ProjectKeys, ProjectKeys | None], None]

# A call that doesn't end leaves time for what was accepted: to reach the stream, and to be stored.
_SHARE_OF_CALLS = 0.8
_CANCELLED_WITHIN_S = 1.0
_COLLECT_AFTER = 50_000


SERVING = frozenset({Role.CAPTURE, Role.QUERY})


async def run(settings: Settings, roles: frozenset[Role], *, shared_ports: bool = False) -> None:
    """Serve or work, or both, on engines that are migrated already, until told to stop. `shared_ports` other processes listen on too."""
    grace, pause = Grace(settings.shutdown_timeout_s), Pause()
    # Whoever only takes events in never asks ClickHouse, and does without it.
    stores = roles != frozenset({Role.CAPTURE})
    async with (
        _telling(settings, grace) as telemetry,
        open_backends(settings, stores=stores, tracer=telemetry.instruments.tracer) as backends,
        _on_its_schema(settings, backends, stores=stores),
        _stopping() as stop,
        _watching(backends, telemetry, grace),
        _reporting(backends, telemetry.instruments, roles, grace),
        _working(settings, backends, telemetry.instruments, roles, stop=stop, grace=grace, pause=pause),
        taking_backups(backends, settings, pause),
        telling_schema(backends, settings, stores=stores),
    ):
        if roles & SERVING:
            edge = await build_edge(settings, backends, telemetry.instruments, roles)
            async with _serving(settings, edge, grace, shared_ports=shared_ports) as ports:
                log.info("serving", http_port=ports.http, grpc_port=ports.grpc, roles=sorted(roles))
                await stop.wait()
        else:
            await stop.wait()


async def run_fleet(settings: Settings, roles: frozenset[Role], command: Sequence[str], processes: int) -> None:
    """Several processes of a serving command behind the same ports, until told to stop."""
    # Each of them would refuse wrong URLs or another schema, and be started again and again.
    stores = roles != frozenset({Role.CAPTURE})
    async with open_backends(settings, stores=stores) as backends:
        require_current(await migrations_of(backends, settings, stores=stores))
    async with _stopping() as stop:
        with (
            held_port(settings.host, settings.http_port, "PUG_HTTP_PORT") as http,
            held_port(settings.host, settings.grpc_port, "PUG_GRPC_PORT") as grpc,
        ):
            environment = os.environ | {"PUG_HTTP_PORT": str(http), "PUG_GRPC_PORT": str(grpc)}
            log.info("fleet_started", processes=processes, http_port=http, grpc_port=grpc)
            await Fleet(command, environment, processes, settings.shutdown_timeout_s + _CANCELLED_WITHIN_S).run(stop)


async def run_dev(settings: Settings, ready: Ready, say: Callable[[str], None]) -> None:
    """Everything in one process: engines, migrations, a first project and a demo, both ports and the workers, until told to stop."""
    grace, pause = Grace(settings.shutdown_timeout_s), Pause()
    async with _stopping() as stop, _telling(settings, grace) as telemetry:
        say("Starting PostgreSQL, NATS and ClickHouse …")
        async with open_backends(settings, tracer=telemetry.instruments.tracer) as backends, telling_schema(backends, settings):
            say("Migrating …")
            require_known(await migrations_of(backends, settings))
            await migrate(backends, settings)
            edge = await build_edge(settings, backends, telemetry.instruments, frozenset(Role))
            first = await ensure_project(edge.accounts.repository, backends.folder.path / "project.json", "First project")
            async with (
                _watching(backends, telemetry, grace),
                _reporting(backends, telemetry.instruments, frozenset(Role), grace),
                _working(settings, backends, telemetry.instruments, frozenset(Role), stop=stop, grace=grace, pause=pause),
                taking_backups(backends, settings, pause),
                _serving(settings, edge, grace) as ports,
                _demo(settings, edge.listeners, backends.folder.path, say) as demo,
            ):
                host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 (a comparison, not a binding)
                scheme = "https" if settings.tls_certificate else "http"
                urls = {"http_url": f"{scheme}://{host}:{ports.http}", "grpc_url": f"{host}:{ports.grpc}"}
                if telemetry.metrics_url:
                    urls["metrics_url"] = telemetry.metrics_url
                notes = backends.folder.path / "dev.json"
                write_private(notes, {**urls, **asdict(first), "demo": asdict(demo) if demo else None})
                ready(ports, telemetry.metrics_url, first, demo)
                await stop.wait()
                say("Stopping: finishing what is under way …")
                notes.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _demo(settings: Settings, listeners: Listeners, folder: Path, say: Callable[[str], None]) -> AsyncGenerator[ProjectKeys | None]:
    """The demo project, which is told what there is to see while others already work; None where none is wanted.

    Stopped in between it goes on from the beginning at the next start: events told twice are recognised.
    """
    if not settings.demo_events:
        yield None
        return
    keys = await ensure_project(listeners.accounts, folder / "demo.json", "Demo")
    told = folder / "demo.told"
    if told.exists():
        yield keys
        return

    async def tell() -> None:
        demo = Demo(settings.demo_events, datetime.now(UTC).date())
        try:
            await fill(keys, demo, listeners, lambda _events: None)
        except PugError as error:
            log.warning("demo_not_told", error=error.message)
            return
        told.touch()
        say(f"The demo is told: {demo.events:,} events.")

    telling = asyncio.create_task(tell())
    try:
        yield keys
    finally:
        telling.cancel()
        await asyncio.wait({telling})


class Grace:
    """The one period in which everything under way may end, one thing after the other; it begins with the first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over_at: float | None = None

    async def end(self, what: str, ending: Awaitable[None], *, share: float = 1.0) -> None:
        """Wait for something to end, for at most a share of the time that is left; then cancel it."""
        task = asyncio.ensure_future(ending)
        _, late = await asyncio.wait({task}, timeout=self._left() * share)
        if not late:
            task.result()
            return
        log.warning("stopped_late", what=what, shutdown_timeout_s=self._seconds)
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCELLED_WITHIN_S)

    def _left(self) -> float:
        now = time.monotonic()
        if self._over_at is None:
            self._over_at = now + self._seconds
        return max(0.0, self._over_at - now)


@contextlib.asynccontextmanager
async def _on_its_schema(settings: Settings, backends: Backends, *, stores: bool) -> AsyncGenerator[None]:
    """Refuses engines that are on the schema of another version."""
    require_current(await migrations_of(backends, settings, stores=stores))
    yield


@contextlib.asynccontextmanager
async def _stopping() -> AsyncGenerator[asyncio.Event]:
    """An event that SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _telling(settings: Settings, grace: Grace) -> AsyncGenerator[Telemetry]:
    """Metrics and traces around everything else: of the end, too."""
    telemetry = open_telemetry(settings)
    try:
        yield telemetry
    finally:
        await grace.end("telemetry", telemetry.close())


@contextlib.asynccontextmanager
async def _watching(backends: Backends, telemetry: Telemetry, grace: Grace) -> AsyncGenerator[None]:
    """The gauges of the streams, while somebody collects them."""
    if not telemetry.metered:
        yield
        return
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_backlog(backends, telemetry.instruments, stop))
    try:
        yield
    finally:
        stop.set()
        await grace.end("watch", watching)


@contextlib.asynccontextmanager
async def _reporting(backends: Backends, instruments: Instruments, roles: frozenset[Role], grace: Grace) -> AsyncGenerator[None]:
    """How this process and the engines are, for `pug status` and in gauges."""
    # However many queries run, it is asked.
    clickhouse = None if roles == frozenset({Role.CAPTURE}) else backends.clickhouse.apart(1)
    engines = EngineWatch(backends.nats, backends.postgres, clickhouse, instruments.meter)
    stop = asyncio.Event()
    watching = asyncio.create_task(engines.watch(stop))
    try:
        async with reporting(backends.nats, Reporter(roles, instruments.pulse, engines).report):
            yield
    finally:
        stop.set()
        await grace.end("engines", watching)
        if clickhouse:
            await clickhouse.close()


@contextlib.asynccontextmanager
async def _serving(settings: Settings, edge: Edge, grace: Grace, *, shared_ports: bool = False) -> AsyncGenerator[Ports]:
    servers = Servers(settings, edge, shared_ports=shared_ports)
    stop = asyncio.Event()
    keeping_up = asyncio.create_task(edge.keep_up(stop))
    try:
        yield await servers.start()
    finally:
        await grace.end("calls", servers.stop(), share=_SHARE_OF_CALLS)
        await grace.end("publisher", edge.publisher.drain())
        stop.set()
        await grace.end("chores", keeping_up)


@contextlib.asynccontextmanager
async def _working(
    settings: Settings,
    backends: Backends,
    instruments: Instruments,
    roles: frozenset[Role],
    *,
    stop: asyncio.Event,
    grace: Grace,
    pause: Pause,
) -> AsyncGenerator[None]:
    """The workers beside what happens inside; they outlive it, so that what was accepted last is stored too."""
    if Role.WORK not in roles:
        yield
        return
    finish = asyncio.Event()
    working = asyncio.create_task(run_workers(settings, backends, instruments, finish, pause))
    try:
        yield
    finally:
        finish.set()
        await grace.end("worker", working)
    stop.set()


def run_to_end(main: Awaitable[None]) -> None:
    """Run on uvloop, with as many files open as the system allows: ClickHouse opens one for each column of each part it merges."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A batch makes thousands of objects that soon go by themselves: looking for cycles as often as Python does costs some percent.
    gc.set_threshold(_COLLECT_AFTER)
    import uvloop  # noqa: PLC0415 (costs start-up time that `pug --help` need not pay)

    async def entry() -> None:
        await main

    uvloop.run(entry())
