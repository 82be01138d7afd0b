"""Opens what metrics and traces leave by: a port for Prometheus, and OTLP where an endpoint is set. What isn't asked for doesn't run."""

import asyncio
import importlib.metadata
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import ProcessCollector

from app.metrics_port import MetricsPort, OneAtATime
from app.otlp import Signal, endpoint_of, metric_reader, tracer_provider
from core.instruments import Instruments
from core.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CLOSE_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What to measure with, and where Prometheus may ask; `metered` says whether anybody collects."""

    instruments: Instruments
    metered: bool
    metrics_url: str | None
    closing: Sequence[Callable[[], object]]

    async def close(self) -> None:
        """Send what is left, and stop; a collector that doesn't take it within three seconds is given up."""
        # Not in asyncio's own threads, whose end the process would wait for.
        threads = [threading.Thread(target=close, name="telemetry-closing", daemon=True) for close in self.closing]
        for thread in threads:
            thread.start()
        until = time.monotonic() + _CLOSE_WITHIN_S
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until:  # noqa: ASYNC110 (threads set no event)
            await asyncio.sleep(0.01)


def open_telemetry(settings: Settings) -> Telemetry:
    """Everything the settings ask for, running."""
    traces, metrics = endpoint_of(settings, Signal.TRACES), endpoint_of(settings, Signal.METRICS)
    resource = _resource()
    closing: list[Callable[[], object]] = []
    readers: list[MetricReader] = []
    meter, tracer, url = Instruments.none().meter, None, None
    if settings.metrics_port != "off":
        reader, served = _prometheus(settings)
        readers.append(reader)
        closing.append(served.close)
        url = served.url
    if metrics:
        readers.append(metric_reader(metrics))
    if readers:
        meters = MeterProvider(readers, resource, AlwaysOffExemplarFilter(), shutdown_on_exit=False)
        closing.append(meters.shutdown)
        meter = meters.get_meter("pug")
    if traces:
        tracers = tracer_provider(traces, resource)
        closing.append(tracers.shutdown)
        tracer = tracers.get_tracer("pug")
    return Telemetry(Instruments(meter, tracer), bool(readers), url, closing)


def _prometheus(settings: Settings) -> tuple[MetricReader, MetricsPort]:
    # A registry of its own: the library's default one is a global.
    registry = OneAtATime()
    ProcessCollector(registry=registry)
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    served = MetricsPort(settings, registry)
    log.info("metrics_served", host=settings.metrics_host, port=served.port)
    return reader, served


def _resource() -> Resource:
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create(
        {
            **({} if named else {"service.name": "pug"}),
            "service.version": importlib.metadata.version("pug"),
            "service.instance.id": str(uuid.uuid4()),
        }
    )
