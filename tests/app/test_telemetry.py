"""What runs and listens, by the settings."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import structlog
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from app.metrics_port import MetricsPort, OneAtATime
from app.otlp import Signal, endpoint_of
from app.telemetry import Telemetry, open_telemetry
from core.errors import SettingsInvalid
from core.instruments import Counter
from core.settings import Settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the environment or of a .env decides what these tests see."""
    monkeypatch.chdir(tmp_path)
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PUG_METRICS_PORT", "PUG_METRICS_HOST", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"):
        monkeypatch.delenv(name, raising=False)


@asynccontextmanager
async def opened(**settings: Any) -> AsyncGenerator[Telemetry]:  # noqa: ANN401 (as settings are given)
    telemetry = open_telemetry(Settings.model_validate(settings))
    try:
        yield telemetry
    finally:
        await telemetry.close()


def scrape(telemetry: Telemetry) -> dict[str, float]:
    assert telemetry.metrics_url
    with urlopen(telemetry.metrics_url, timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {sample.name: sample.value for family in families for sample in family.samples}


async def test_what_is_measured_can_be_scraped() -> None:
    async with opened(metrics_port=0) as telemetry:
        Counter(telemetry.instruments.meter, "pug.things", "Things.", unit="{thing}").add(3)

        scraped = await asyncio.to_thread(scrape, telemetry)

    assert scraped["pug_things_total"] == 3
    assert scraped["process_resident_memory_bytes"] > 0


async def test_it_is_answered_while_the_event_loop_is_busy() -> None:
    async with opened(metrics_port=0) as telemetry:
        # In this thread: the loop does nothing else meanwhile.
        scraped = scrape(telemetry)

    assert scraped["process_start_time_seconds"] > 0


class Slow(Collector):
    """Knows how many collected at once at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def collect(self) -> Iterable[Metric]:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        self.now -= 1
        return []


def test_of_askers_at_once_one_after_the_other_is_collected_for() -> None:
    registry, slow = OneAtATime(), Slow()
    registry.register(slow)

    with ThreadPoolExecutor(10) as askers:
        asked = [askers.submit(lambda: list(registry.collect())) for _ in range(20)]

    assert ([each.result() for each in asked], slow.most) == ([[]] * 20, 1)


async def test_the_port_is_closed_at_the_end() -> None:
    async with opened(metrics_port=0) as telemetry:
        pass

    with pytest.raises(URLError):
        scrape(telemetry)


async def test_processes_that_are_told_no_port_share_a_machine() -> None:
    async with opened() as first, opened() as second:
        answered = [bool(scrape(telemetry)) for telemetry in (first, second)]

    assert answered == [True, True]
    assert first.metrics_url != second.metrics_url


async def test_a_port_that_was_set_and_is_taken_is_refused() -> None:
    async with opened(metrics_port=0) as first:
        assert first.metrics_url
        taken = first.metrics_url.rpartition(":")[2].partition("/")[0]

        with pytest.raises(SettingsInvalid) as refused:
            open_telemetry(Settings.model_validate({"metrics_port": taken}))

    assert (refused.value.field, taken in refused.value.message) == ("PUG_METRICS_PORT", True)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"203\.0\.113\.1"):
        MetricsPort(Settings.model_validate({"metrics_host": "203.0.113.1"}), CollectorRegistry())


async def test_nothing_runs_that_is_not_asked_for() -> None:
    before = set(threading.enumerate())

    async with opened(metrics_port="off") as telemetry:
        started = set(threading.enumerate()) - before

    assert started == set()
    assert (telemetry.metered, telemetry.metrics_url, telemetry.instruments.tracer) == (False, None, None)


async def test_without_an_endpoint_only_the_metrics_port_has_a_thread() -> None:
    before = set(threading.enumerate())

    async with opened(metrics_port=0) as telemetry:
        started = {thread.name for thread in set(threading.enumerate()) - before}

    assert started == {"metrics"}
    assert telemetry.instruments.tracer is None


BASE = "http://collector:4318/"


@pytest.mark.parametrize(
    ("given", "traces", "metrics"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": BASE}, "http://collector:4318/v1/traces", "http://collector:4318/v1/metrics"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://other/t"}, "https://other/t", ""),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": BASE, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://other/m"},
            "http://collector:4318/v1/traces",
            "https://other/m",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": BASE, "OTEL_METRICS_EXPORTER": "none"}, "http://collector:4318/v1/traces", ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": BASE, "OTEL_SDK_DISABLED": "true"}, "", ""),
        ({}, "", ""),
    ],
)
def test_endpoints_are_as_the_standard_has_them(given: dict[str, str], traces: str, metrics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert (endpoint_of(settings, Signal.TRACES), endpoint_of(settings, Signal.METRICS)) == (traces, metrics)


@pytest.mark.parametrize("url", ["collector:4318", "grpc://collector:4317", "http://", "http://user:SECRET@h:99999999"])
def test_an_endpoint_that_is_no_url_is_refused_without_repeating_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)

    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_OTLP_ENDPOINT") as refused:
        endpoint_of(Settings(), Signal.TRACES)

    assert "SECRET" not in refused.value.message


class Heard(logging.Handler):
    """Which loggers' lines come through to the others."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.name)


@pytest.fixture
def heard() -> Generator[Heard]:
    handler = Heard()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


async def test_a_collector_that_is_down_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, heard: Heard) -> None:
    async with opened(metrics_port=0) as other:
        # Soon a port nobody listens on.
        gone = other.metrics_url
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", str(gone).removesuffix("/metrics"))
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    # A logger that an earlier test has used is bound already and would not be captured.
    monkeypatch.setattr("app.otlp.log", structlog.get_logger())

    with capture_logs() as logs:
        async with opened(metrics_port="off") as telemetry, asyncio.timeout(30):
            assert telemetry.instruments.tracer
            for _ in range(5000):
                telemetry.instruments.tracer.start_span("request").end()
            async with asyncio.timeout(30):
                while not logs:  # noqa: ASYNC110 (a thread's doing)
                    await asyncio.sleep(0.02)

    assert [line["event"] for line in logs] == ["telemetry_not_exported"]
    assert not any(name.startswith("opentelemetry") for name in heard.names)
