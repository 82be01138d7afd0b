"""Finds the server and a key for it, and turns what goes wrong into one line with the fix."""

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from pyqwest import SyncClient, SyncHTTPTransport
from rich.console import Console
from rich.markup import escape

from core.errors import PugError
from core.settings import Settings, setting_name
from pug.common.v1.error_info_pb2 import ErrorInfo

UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="PUG_URL", help="Where Pug answers, such as https://pug.example.com. Default: the running `pug dev`."),
]
WriteKeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="PUG_WRITE_KEY", help="A write key (pk_…). Default: that of the running `pug dev`."),
]
SecretKeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="PUG_SECRET_KEY", help="A secret key (sk_…). Default: that of the running `pug dev`."),
]
CaCertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-certificate",
        envvar="PUG_CA_CERTIFICATE",
        help="A PEM file to trust beside the system's certificates: that of your own authority, or a self-signed one.",
    ),
]

CONNECT_TIMEOUT_S = 5.0
CALL_TIMEOUT_MS = 60_000
_DISTRUST = "invalid peer certificate: "
_TRUST_IT = "If it is self-signed or of your own authority, give the PEM file with --ca-certificate or PUG_CA_CERTIFICATE."
_DISTRUST_FIXES = {
    "CaUsedAsEndEntity": "It is an authority's; make a server's: `openssl req -x509 -addext basicConstraints=critical,CA:FALSE …`.",
    "NotValidForName": "It is for another host name: call the server by a name in the certificate.",
    "Expired": "It has expired: renew it.",
    "NotValidYet": "It is not valid yet: check the clocks.",
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_USAGE = 2


class CliError(Exception):
    """What went wrong and how to mend it, for a person."""

    exit_code = 1

    def __init__(self, message: str, fix: str = "") -> None:
        """A sentence each."""
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(CliError):
    """The command was written in a way that cannot work."""

    exit_code = _USAGE


class KeyKind(Enum):
    """Which key a command needs; the value is its name in dev.json."""

    WRITE = "write_key"
    SECRET = "secret_key"  # noqa: S105 (a name)


_VARIABLES = {KeyKind.WRITE: "PUG_WRITE_KEY", KeyKind.SECRET: "PUG_SECRET_KEY"}


@dataclass(frozen=True, slots=True)
class DevNotes:
    """What a running `pug dev` writes down for other commands."""

    path: Path
    http_url: str
    grpc_url: str
    project_id: str
    write_key: str
    secret_key: str
    # Where it serves metrics; empty for nowhere.
    metrics_url: str = ""

    def key(self, kind: KeyKind) -> str:
        """The first project's key of a kind."""
        return self.write_key if kind is KeyKind.WRITE else self.secret_key


@dataclass(frozen=True, slots=True)
class Server:
    """Where to call, with which key, and where that is known from."""

    url: str
    key: str
    known_from: str
    ca_certificate: bytes | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"authorization": f"Bearer {self.key}"}

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine, where compressing costs more than it saves."""
        return urlsplit(self.url).hostname in _LOOPBACK


def find_server(url: str | None, key: str | None, kind: KeyKind, notes: DevNotes | None, ca_certificate: Path | None = None) -> Server:
    """The server and key that were given, else those of the running `pug dev`. Its keys go to no other server."""
    trusted = read_ca_certificate(ca_certificate)
    if key and not (key.isascii() and key.isprintable()):
        raise UsageError(
            "The key has a line break or another character that no key has.", f"Give one key with --key or {_VARIABLES[kind]}."
        )
    if url:
        return Server(_checked(url), key or _key_of(notes, kind, url), "--url", trusted)
    if notes is None:
        raise CliError("No Pug server is known here.", "Start one with `pug dev`, or say where it is with --url or PUG_URL.")
    return Server(_checked(notes.http_url), key or notes.key(kind), str(notes.path), trusted)


def read_ca_certificate(path: Path | None) -> bytes | None:
    """The certificate at a path; None when none is given."""
    if path is None or path == Path():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--ca-certificate: {path} cannot be read: {error.strerror}.", "Give the path of a PEM file.") from error
    try:
        SyncHTTPTransport(tls_ca_cert=content, enable_otel=False)
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"--ca-certificate: {path} holds no certificate that can be read.", "Give the path of a PEM file.") from error
    return content


def read_dev_notes(data_dir: Path) -> DevNotes | None:
    """What the running `pug dev` wrote down; None when there is none."""
    path = data_dir / "dev.json"
    try:
        content = json.loads(path.read_text())
        names = ("http_url", "grpc_url", "project_id", "write_key", "secret_key")
        return DevNotes(path, *(str(content[name]) for name in names), metrics_url=str(content.get("metrics_url", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(f"{path} cannot be read: {error}.", "Restart `pug dev`, which writes it anew, or give --url and --key.") from error


def data_dir() -> Path:
    """The data folder of the settings."""
    return read_settings().data_dir


def read_settings() -> Settings:
    """The settings, or one line about each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        # Their messages never repeat the value, which may be a secret.
        wrong = "; ".join(f"{setting_name(str(each['loc'][0]))}: {each['msg']}" for each in error.errors(include_url=False))
        raise CliError(f"A setting cannot be used: {wrong}.", "Change it in the environment or in .env.") from error
    except SettingsError as error:
        name = setting_name(str(error).partition('"')[2].partition('"')[0])
        raise CliError(f"A setting cannot be used: {name} is not JSON.", "Write a list as in .env.example.") from error


def server_for(url: str | None, key: str | None, kind: KeyKind, ca_certificate: Path | None) -> Server:
    """As `find_server`, with the notes in the data folder, which are read only when something is missing."""
    return find_server(url, key, kind, None if url and key else read_dev_notes(data_dir()), ca_certificate)


def sync_http(ca_certificate: bytes | None = None) -> SyncClient:
    """An HTTP client that trusts the system's certificates and the given one, and doesn't wait long for a server that isn't there."""
    return SyncClient(
        SyncHTTPTransport(tls_include_system_certs=True, tls_ca_cert=ca_certificate, connect_timeout=CONNECT_TIMEOUT_S, enable_otel=False)
    )


def error_info(error: ConnectError) -> ErrorInfo | None:
    """What Pug attached to an error; None when the error did not come from Pug."""
    found = (detail for detail in error.details if detail.type_name == ErrorInfo.DESCRIPTOR.full_name)
    return next((ErrorInfo.FromString(bytes(detail.message_bytes)) for detail in found), None)


@contextlib.contextmanager
def calling(server: Server) -> Generator[None]:
    """Turns a failed call inside into one line with the fix."""
    try:
        yield
    except ConnectError as error:
        raise call_failure(error, server) from error


def call_failure(error: ConnectError, server: Server) -> CliError:
    """What a failed call means for the person who made it."""
    if error_info(error) is not None:
        # Pug's own messages name the field and the fix.
        return CliError(error.message)
    if distrust := distrusted(error.message, server.url):
        return distrust
    if error.code in {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}:
        where = f"{server.url} ({server.known_from})" if server.known_from != "--url" else server.url
        return CliError(f"No Pug answers at {where}.", "Start it with `pug dev`, or say where it is with --url or PUG_URL.")
    return CliError(f"{server.url} answered {error.code.value}: {error.message}.", "Check that --url is the address of a Pug server.")


def distrusted(message: str, url: str) -> CliError | None:
    """What the HTTP client's message means when it is about the server's certificate; None when it is about anything else."""
    _, found, reason = message.partition(_DISTRUST)
    if not found:
        return None
    fix = next((fix for name, fix in _DISTRUST_FIXES.items() if name in reason), _TRUST_IT)
    kind = reason.strip().removeprefix("Other(OtherError(").rstrip(")")
    return CliError(f"{url} answers, but its certificate is not trusted ({kind}).", fix)


@contextlib.contextmanager
def told_in_one_line() -> Generator[None]:
    """Ends the command with one line about what went wrong, never with a traceback. Also decorates a command."""
    try:
        yield
    except CliError as error:
        _tell(f"{error.message} {error.fix}")
        raise typer.Exit(error.exit_code) from None
    except PugError as error:
        _tell(f"{error.message} {error.hint}")
        raise typer.Exit(1) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        _tell(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
        raise typer.Exit(1) from None


def _tell(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(line.strip())}")


def _key_of(notes: DevNotes | None, kind: KeyKind, url: str) -> str:
    if notes and _same_place(notes.http_url, url):
        return notes.key(kind)
    raise CliError(f"No key is known for {url}.", f"Give one with --key or {_VARIABLES[kind]}; `pug keys create` makes one.")


def _same_place(left: str, right: str) -> bool:
    def place(url: str) -> tuple[str, str, int | None]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme, "localhost" if host in _LOOPBACK else host, parts.port

    return place(left) == place(_checked(right))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"'{url}' is not the address of a server.", "Write it like http://localhost:8080.")
    return url.rstrip("/")
