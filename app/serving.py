"""Opens the two ports: Connect and gRPC-Web on one, native gRPC on the other."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server
from starlette.middleware.cors import CORSMiddleware

from app.silence import Patience, end_silent
from app.wiring import Edge
from core.errors import SettingsInvalid
from core.settings import Settings
from services.rpc.asgi import AsgiApp, Receive, Scope, Send
from services.rpc.connect import connect_application
from services.rpc.native import NativeServer

_CORS_METHODS = ("GET", "POST")
_CORS_HEADERS = (
    "authorization",
    "connect-protocol-version",
    "connect-timeout-ms",
    "content-type",
    "grpc-timeout",
    "x-grpc-web",
    "x-pug-org",
    "x-pug-project",
    "x-request-id",
    "x-user-agent",
)
_CORS_EXPOSED = ("grpc-message", "grpc-status", "grpc-status-details-bin", "retry-after", "x-request-id")
_HEADER_TIMEOUT_MS = 10_000
_HEADER_BYTES = 64 * 1024
_MAX_STREAMS = 200
# granian takes 128 connections by default and leaves the rest unanswered. The header timeout starts with the first byte; what says nothing
# at all is ended by app/silence.py, and until then needs room.
_ROOM_TO_REFUSE = 1_000
_BACKLOG = 2048
_CONNECTIONS = 4096


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers listen."""

    http: int
    grpc: int


class Servers:
    """Both servers, over the same services."""

    def __init__(self, settings: Settings, edge: Edge, *, shared_ports: bool = False) -> None:
        """Nothing is bound before `start`. Shared ports are others' too, which the kernel shares connections out to."""
        self._settings = settings
        self._shared_ports = shared_ports
        application = connect_application(edge.services, edge.gate, {"/healthz": _healthy}, calls=edge.calls)
        self._application = _with_cors(application, settings.cors_origins)
        most = settings.concurrent_requests + _ROOM_TO_REFUSE
        self._native = NativeServer(edge.services, edge.gate, edge.calls, concurrent_rpcs=most, shared_port=shared_ports)
        self._http: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> Ports:
        """Listen; a port of 0 becomes a free one."""
        settings = self._settings
        http_port = settings.http_port or free_port(settings.host)
        if not self._shared_ports:
            require_free(settings, Ports(http_port, settings.grpc_port))
        grpc_port = await self._native.start(f"{settings.host}:{settings.grpc_port}", _grpc_credentials(settings))
        self._http = Server(
            self._application,
            address=settings.host,
            port=http_port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_HEADER_BYTES),
            http2_settings=HTTP2Settings(max_concurrent_streams=_MAX_STREAMS, max_headers_size=_HEADER_BYTES, keep_alive_interval=20_000),
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_CONNECTIONS,
            log_enabled=False,
            ssl_cert=settings.tls_certificate,
            ssl_key=settings.tls_key,
        )
        self._serving = asyncio.create_task(self._http.serve())
        await self._until_reachable(settings.host, http_port)
        # A long query is silence too, and not the caller's.
        between = max(Patience().between_requests, timedelta(seconds=settings.query_timeout_s + 60))
        self._watching = asyncio.create_task(end_silent(http_port, Patience(between_requests=between)))
        return Ports(http_port, grpc_port)

    async def stop(self) -> None:
        """Take no new calls, let running ones finish."""
        await asyncio.gather(self._native.stop(self._settings.shutdown_timeout_s), self._stop_http())

    async def _stop_http(self) -> None:
        if self._watching:
            self._watching.cancel()
        if self._http and self._serving:
            self._http.stop()
            await asyncio.wait({self._serving}, timeout=self._settings.shutdown_timeout_s)

    async def _until_reachable(self, host: str, port: int) -> None:
        while self._serving and not self._serving.done():
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return
        if self._serving:
            self._serving.result()


def _with_cors(application: AsgiApp, origins: tuple[str, ...]) -> AsgiApp:
    everyone = "*" in origins
    with_cors = CORSMiddleware(
        application,
        allow_origins=origins,
        allow_methods=_CORS_METHODS,
        allow_headers=_CORS_HEADERS,
        expose_headers=_CORS_EXPOSED,
        max_age=7200,
    )
    # sendBeacon sends cookies whether it is wanted or not, and a browser then wants to hear that they, and just this origin, are welcome.
    # They open nothing here: only what has its key in the query is answered so.
    for_beacons = CORSMiddleware(
        application,
        allow_origins=() if everyone else origins,
        allow_origin_regex=".*" if everyone else None,
        allow_methods=("POST",),
        allow_headers=_CORS_HEADERS,
        expose_headers=_CORS_EXPOSED,
        allow_credentials=True,
        max_age=7200,
    )

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        # Servers and SDKs say no origin, and a POST is not cached: they need no CORS.
        if scope["type"] == "http" and scope["method"] == "POST" and all(name != b"origin" for name, _ in scope["headers"]):
            await application(scope, receive, send)
        else:
            await (for_beacons if scope.get("query_string", b"").startswith(b"key=pk_") else with_cors)(scope, receive, send)

    return route


async def _healthy(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


def free_port(host: str) -> int:
    """A port nobody listens on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def held_port(host: str, port: int, setting: str) -> Generator[int]:
    """A port, free if it is 0, that only servers sharing it get while it is held: bound, not listened on, it is handed to nobody else."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as holder:
        _require_one_free(host, port, setting)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
        yield int(holder.getsockname()[1])


def require_free(settings: Settings, ports: Ports) -> None:
    """Refuses ports that others listen on, which servers that can share theirs would not notice; 0 stands for any that is free."""
    _require_one_free(settings.host, ports.http, "PUG_HTTP_PORT")
    _require_one_free(settings.host, ports.grpc, "PUG_GRPC_PORT")


def _require_one_free(host: str, port: int, setting: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsInvalid(
                f"Port {port} cannot be used: {error.strerror}.", field=setting, hint=f"Set {setting} to a free port, or to 0."
            ) from error


def _grpc_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return grpc.ssl_server_credentials([(Path(settings.tls_key).read_bytes(), Path(settings.tls_certificate).read_bytes())])
