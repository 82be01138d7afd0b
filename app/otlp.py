"""Exports traces and metrics over OTLP/HTTP. Its SDK reads OpenTelemetry's other variables (headers, timeouts, samplers) itself."""

import logging
import os
import time
from enum import StrEnum
from urllib.parse import urlsplit

import structlog
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from core.errors import SettingsInvalid
from core.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TELL_EVERY_S = 60.0


class Signal(StrEnum):
    """What is exported, as in the path of an endpoint."""

    TRACES = "traces"
    METRICS = "metrics"


def endpoint_of(settings: Settings, signal: Signal) -> str:
    """Where the signal goes; empty for nowhere."""
    # By these two the standard lets one of the signals, or all of it, be turned off.
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get(f"OTEL_{signal.upper()}_EXPORTER") == "none":
        return ""
    own = settings.otlp_traces_endpoint if signal is Signal.TRACES else settings.otlp_metrics_endpoint
    if url := own.get_secret_value():
        return _checked(url, f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    base = settings.otlp_endpoint.get_secret_value()
    return f"{_checked(base, 'OTEL_EXPORTER_OTLP_ENDPOINT').rstrip('/')}/v1/{signal}" if base else ""


def metric_reader(endpoint: str) -> MetricReader:
    """Exports metrics every minute (OTEL_METRIC_EXPORT_INTERVAL), from a thread."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 (only who exports waits for it)

    _tell_failures()
    return PeriodicExportingMetricReader(OTLPMetricExporter(endpoint))


def tracer_provider(endpoint: str, resource: Resource) -> TracerProvider:
    """Exports spans every five seconds (OTEL_BSP_SCHEDULE_DELAY), from a thread; what a collector doesn't take is dropped."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (as above)

    _tell_failures()
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return provider


class _Telling(logging.Handler):
    """Says that the exporters fail, at most once a minute: they say it at each attempt."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at = -_TELL_EVERY_S
        self._untold = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._told_at < _TELL_EVERY_S:
            self._untold += 1
            return
        log.warning("telemetry_not_exported", error=record.getMessage(), more_since_last=self._untold)
        self._told_at, self._untold = now, 0


def _tell_failures() -> None:
    exporters = logging.getLogger("opentelemetry")
    exporters.propagate = False
    # Not the root's: how loud our own line may be is decided where it is told.
    exporters.setLevel(logging.WARNING)
    exporters.handlers = [_Telling()]


def _checked(url: str, setting: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        # Without the URL, which may hold a password.
        raise SettingsInvalid(f"{setting} is no URL of a collector.", field=setting, hint="Such as http://localhost:4318, without a path.")
    return url
