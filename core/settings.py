"""What can be set from the environment; .env.example documents each."""

import difflib
import re
import ssl
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from core.errors import SettingsInvalid

# Read by commands that call a server, and by the tests.
_NO_SETTINGS = frozenset({"PUG_URL", "PUG_WRITE_KEY", "PUG_SECRET_KEY", "PUG_CA_CERTIFICATE"})
_OF_TESTS = "PUG_TEST_"

_BOTH = "Set both for TLS, neither for plain text."

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")

Port = Annotated[int, Field(ge=0, le=65535)]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _power_of_two(value: int) -> int:
    if value.bit_count() != 1:
        msg = "must be 1, 2, 4, 8 or 16"
        raise ValueError(msg)
    return value


def _hex_key(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not _HEX_KEY.fullmatch(value.get_secret_value()):
        msg = "must be 64 hexadecimal digits, as `openssl rand -hex 32` prints them"
        raise ValueError(msg)
    return value


HexKey = Annotated[SecretStr, AfterValidator(_hex_key)]
Partitions = Annotated[int, Field(ge=1, le=16), AfterValidator(_power_of_two)]
# Of a number Python would make an address too.
Network = Annotated[IPvAnyNetwork, BeforeValidator(str)]


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    JSON = "json"
    PRETTY = "pretty"


class StreamSync(StrEnum):
    """When the embedded engines force to the disk what they took."""

    ALWAYS = "always"
    INTERVAL = "interval"


class Settings(BaseSettings):
    """Every setting, with its default; an empty text counts as not set. URLs are secret because they may hold passwords."""

    model_config = SettingsConfigDict(env_prefix="PUG_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Path(".pug")
    host: str = "127.0.0.1"
    http_port: Port = 8080
    grpc_port: Port = 9090
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[Network, ...] = ()
    geo_database: Path | None = None

    sign_up: Literal["open", "invited", "closed"] = "open"
    confirm_email: bool | None = None
    public_url: str = ""
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_redirect_url: str = ""

    erasure_key: HexKey = SecretStr("")
    erasure_signing_key: HexKey = SecretStr("")

    clickhouse_url: SecretStr = Field(default=SecretStr(""), validation_alias="CLICKHOUSE_URL")
    nats_url: SecretStr = Field(default=SecretStr(""), validation_alias="NATS_URL")
    postgres_url: SecretStr = Field(default=SecretStr(""), validation_alias="POSTGRES_URL")

    clickhouse_cluster: Annotated[str, Field(pattern=r"^\w*$")] = ""
    clickhouse_connections: Annotated[int, Field(ge=2, le=64)] = 4
    clickhouse_memory_bytes: Annotated[int, Field(ge=2**28)] = 4 * 2**30
    nats_sync: StreamSync = StreamSync.INTERVAL
    disk_reserve_bytes: Annotated[int, Field(ge=0)] = 2**29
    stream_max_bytes: Annotated[int, Field(ge=2**26)] = 16 * 2**30
    streams_replicas: Annotated[int, Field(ge=1, le=5)] = 1

    event_partitions: Partitions = 1
    block_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    block_wait_ms: Annotated[int, Field(ge=1, le=60_000)] = 200
    duplicate_window_days: Annotated[int, Field(ge=1, le=366)] = 7
    key_events_per_second: Annotated[int, Field(ge=1)] = 500_000
    key_concurrent_requests: Annotated[int, Field(ge=1)] = 256
    peer_concurrent_requests: Annotated[int, Field(ge=1)] = 128
    concurrent_requests: Annotated[int, Field(ge=1)] = 2_000
    peer_calls_per_second: Annotated[int, Field(ge=1)] = 10
    query_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 30
    slow_query_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    query_memory_bytes: Annotated[int, Field(ge=2**26)] = 2 * 2**30
    project_concurrent_queries: Annotated[int, Field(ge=1)] = 3
    project_waiting_queries: Annotated[int, Field(ge=0)] = 100
    account_orgs: Annotated[int, Field(ge=1)] = 50
    org_projects: Annotated[int, Field(ge=1)] = 100
    org_members: Annotated[int, Field(ge=1)] = 1_000
    project_keys: Annotated[int, Field(ge=1)] = 1_000
    project_boards: Annotated[int, Field(ge=1)] = 1_000
    # Of the demo that a first start makes; 0 makes none.
    demo_events: Annotated[int, Field(ge=0, le=20_000_000)] = 20_000
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=300)] = 15

    metrics_host: str = "127.0.0.1"
    metrics_port: Port | Literal["off"] = 9464
    otlp_endpoint: SecretStr = Field(default=SecretStr(""), validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp_traces_endpoint: SecretStr = Field(default=SecretStr(""), validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    otlp_metrics_endpoint: SecretStr = Field(default=SecretStr(""), validation_alias="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")

    log_format: LogFormat = LogFormat.AUTO
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)] = "info"


def setting_name(field: str) -> str:
    """What a field of the settings is called in the environment."""
    found = Settings.model_fields.get(field)
    if found is None:
        # Pydantic calls a field that has an alias by that.
        return field
    return str(found.validation_alias or f"PUG_{field.upper()}")


def unknown_settings() -> list[tuple[str, str]]:
    """About every name in the environment or in .env that looks like one of Pug's settings and is none: what is wrong, and the fix."""
    known = {setting_name(field) for field in Settings.model_fields}
    given = {name.upper() for source in (EnvSettingsSource, DotEnvSettingsSource) for name in source(Settings).env_vars}
    unknown = {name for name in given - known - _NO_SETTINGS if name.startswith("PUG_") and not name.startswith(_OF_TESTS)}
    nearest = {name: difflib.get_close_matches(name, known, n=1) for name in sorted(unknown)}
    return [
        (f"{name} is no setting and does nothing.", f"Did you mean {near[0]}?" if near else ".env.example lists them all.")
        for name, near in nearest.items()
    ]


def check_tls(settings: Settings) -> None:
    """Refuses a certificate and a key that no server could start with."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        given, missing = ("PUG_TLS_KEY", "PUG_TLS_CERTIFICATE") if certificate is None else ("PUG_TLS_CERTIFICATE", "PUG_TLS_KEY")
        raise SettingsInvalid(f"{given} is set and {missing} is not.", field=missing, hint=_BOTH)
    _check_pem("PUG_TLS_CERTIFICATE", certificate, "CERTIFICATE")
    _check_pem("PUG_TLS_KEY", key, "PRIVATE KEY")
    try:
        # Without a password OpenSSL would ask the terminal for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise SettingsInvalid(
            f"PUG_TLS_CERTIFICATE and PUG_TLS_KEY do not work together: {reason}.",
            field="PUG_TLS_KEY",
            hint="Give a certificate (followed by its chain) and the key it was made with, without a password.",
        ) from error


def check_sign_in(settings: Settings) -> None:
    """Refuses settings by which nobody could get a mail, or come back from the provider."""
    mail = {"smtp_url": bool(settings.smtp_url.get_secret_value()), "mail_from": settings.mail_from, "public_url": settings.public_url}
    if mail["smtp_url"] or mail["mail_from"]:
        _require_all(mail, "Mail is sent with all of them; without PUG_SMTP_URL and PUG_MAIL_FROM it is printed.")
    oidc = {
        "oidc_issuer": settings.oidc_issuer,
        "oidc_client_id": settings.oidc_client_id,
        "oidc_client_secret": bool(settings.oidc_client_secret.get_secret_value()),
        "oidc_redirect_url": settings.oidc_redirect_url,
    }
    if any(oidc.values()):
        _require_all(oidc, "Set all four, or none for no provider.")


def _require_all(values: Mapping[str, str | bool], hint: str) -> None:
    given = next(setting_name(name) for name, value in values.items() if value)
    for name, value in values.items():
        if not value:
            raise SettingsInvalid(f"{given} is set and {setting_name(name)} is not.", field=setting_name(name), hint=hint)


def _check_pem(setting: str, path: Path, kind: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            f"{setting}: {path} cannot be read: {error.strerror}.", field=setting, hint=f"Name a PEM file this account may read. {_BOTH}"
        ) from error
    if f"{kind}-----".encode() not in content:
        raise SettingsInvalid(f"{setting}: {path} holds no {kind.lower()}.", field=setting, hint="Name a PEM file that does.")
