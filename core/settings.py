"""What can be set from the environment; .env.example documents each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    JSON = "json"
    PRETTY = "pretty"


class StreamSync(StrEnum):
    """When the embedded JetStream forces what it took to the disk."""

    ALWAYS = "always"
    INTERVAL = "interval"


class Settings(BaseSettings):
    """Every setting, with its default. URLs are secret because they may hold passwords."""

    model_config = SettingsConfigDict(env_prefix="PUG_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Path(".pug")
    host: str = "127.0.0.1"
    http_port: Port = 8080
    grpc_port: Port = 9090
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] = ("*",)

    clickhouse_url: SecretStr = Field(default=SecretStr(""), validation_alias="CLICKHOUSE_URL")
    nats_url: SecretStr = Field(default=SecretStr(""), validation_alias="NATS_URL")
    postgres_url: SecretStr = Field(default=SecretStr(""), validation_alias="POSTGRES_URL")

    clickhouse_connections: Annotated[int, Field(ge=2, le=64)] = 4
    clickhouse_memory_bytes: Annotated[int, Field(ge=2**28)] = 4 * 2**30
    nats_sync: StreamSync = StreamSync.INTERVAL
    stream_max_bytes: Annotated[int, Field(ge=2**26)] = 16 * 2**30
    streams_replicas: Annotated[int, Field(ge=1, le=5)] = 1

    block_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    block_wait_ms: Annotated[int, Field(ge=1, le=60_000)] = 200
    duplicate_window_days: Annotated[int, Field(ge=1, le=366)] = 7
    query_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 30
    query_memory_bytes: Annotated[int, Field(ge=2**26)] = 2 * 2**30
    shutdown_timeout_s: Annotated[int, Field(ge=1, le=300)] = 15

    log_format: LogFormat = LogFormat.AUTO
    log_level: str = "info"
