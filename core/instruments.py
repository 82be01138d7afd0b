"""What a process measures and traces with, made once by app/telemetry.py and handed to whoever has something to tell."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeter, Observation
from opentelemetry.trace import Tracer

from core.pulse import Pulse

# Bounds of histograms, from what an answer on the same machine takes to what nobody waits for.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Instruments:
    """A meter, which measures nothing when nobody collects; a tracer when traces are exported; what the process did lately."""

    meter: Meter
    tracer: Tracer | None = None
    pulse: Pulse = field(default_factory=Pulse)

    @staticmethod
    def none() -> "Instruments":
        """Measures nothing, traces nothing."""
        return Instruments(NoOpMeter("pug"))


class Counter:
    """A counter that costs an addition to a dict, not three to five microseconds as OpenTelemetry's own: it is read when somebody collects.

    Only the event loop's thread may add to it.
    """

    __slots__ = ("_counted", "_label")

    def __init__(self, meter: Meter, name: str, description: str, *, unit: str, label: str = "", known: Iterable[str] = ()) -> None:
        """With a `label`, each of its values is counted by itself; they must be few. Those `known` are shown from the start."""
        self._label = label
        # Without a label it is shown from the start: a rate needs the 0 before the first.
        self._counted: dict[str, int] = dict.fromkeys(known, 0) if label else {"": 0}
        meter.create_observable_counter(name, [self._observe], unit, description)

    def add(self, amount: int, value: str = "") -> None:
        """Count so many more, of this value of the label."""
        self._counted[value] = self._counted.get(value, 0) + amount

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        # Whoever collects does so in a thread of its own: a copy is made in one step.
        for value, count in self._counted.copy().items():
            yield Observation(count, {self._label: value} if self._label else None)


class Gauge:
    """A number that is looked up when somebody collects; None when it isn't known, and then it isn't shown."""

    def __init__(self, meter: Meter, name: str, description: str, value: Callable[[], float | None], *, unit: str) -> None:
        """`value` is called in the collector's thread."""
        self._value = value
        meter.create_observable_gauge(name, [self._observe], unit, description)

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        if (value := self._value()) is not None:
            yield Observation(value)
