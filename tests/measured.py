"""Instruments whose measurements and spans a test can read."""

from dataclasses import dataclass, field

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.instruments import Instruments
from core.pulse import Pulse


@dataclass
class Measured:
    """`Measured().instruments` for what is tested; the rest for the test."""

    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter = MeterProvider([self.reader], shutdown_on_exit=False).get_meter("test")
        self.tracer = tracers.get_tracer("test")

    @property
    def instruments(self) -> Instruments:
        return Instruments(self.meter, self.tracer, self.pulse)

    @property
    def untraced(self) -> Instruments:
        return Instruments(self.meter, pulse=self.pulse)

    def points(self) -> dict[tuple[str, tuple[tuple[str, object], ...]], float]:
        """What was measured, by name and labels; of a histogram how often."""
        data = self.reader.get_metrics_data()
        found: dict[tuple[str, tuple[tuple[str, object], ...]], float] = {}
        for metric in (
            (metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics) if data else ()
        ):
            for point in metric.data.data_points:
                labels = tuple(sorted((point.attributes or {}).items()))
                if isinstance(point, HistogramDataPoint):
                    found[metric.name, labels] = point.count
                elif isinstance(point, NumberDataPoint):
                    found[metric.name, labels] = point.value
        return found

    def value(self, name: str, **labels: str) -> float | None:
        return self.points().get((name, tuple(sorted(labels.items()))))

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]
