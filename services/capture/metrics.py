"""What capture counts. Each batch costs a few additions and one observation, however many events are in it."""

from collections import Counter as Tally

from opentelemetry.metrics import Histogram

from core.instruments import SECONDS, Counter, Instruments
from pug.capture.v1.capture_pb2 import CaptureResponse
from services.capture.cookieless.degradations import Degradation

_EVENTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_EVENT = "{event}"


class CaptureMetrics:
    """Read off the receipts, so that metrics and clients are told the same."""

    def __init__(self, instruments: Instruments) -> None:
        meter = instruments.meter
        self._pulse = instruments.pulse
        self._accepted = Counter(meter, "pug.capture.events.accepted", "Events that are durable.", unit=_EVENT)
        self._duplicates = Counter(meter, "pug.capture.events.duplicate", "Events known already when they came.", unit=_EVENT)
        self._rejected = Counter(meter, "pug.capture.events.rejected", "Events refused, by reason.", unit=_EVENT, label="reason")
        self._warned = Counter(
            meter, "pug.capture.events.warned", "Events accepted with a warning, by reason.", unit=_EVENT, label="reason"
        )
        self._requests = Counter(
            meter, "pug.capture.requests", "Batches, by the code of the answer.", unit="{request}", label="code", known=("ok",)
        )
        self._degraded = Counter(
            meter,
            "pug.cookieless.degraded",
            "Cookieless events whose visitor could not be derived, by reason.",
            unit=_EVENT,
            label="reason",
            known=Degradation,
        )
        self._batch = meter.create_histogram(
            "pug.capture.batch.events", _EVENT, "Events in a batch that was answered.", explicit_bucket_boundaries_advisory=_EVENTS
        )
        self.publish_seconds: Histogram = meter.create_histogram(
            "pug.capture.publish", "s", "JetStream's time to acknowledge a message.", explicit_bucket_boundaries_advisory=SECONDS
        )

    def answered(self, receipt: CaptureResponse) -> None:
        """A batch got this receipt."""
        self._requests.add(1, "ok")
        self._accepted.add(receipt.accepted)
        self._pulse.accepted.add(receipt.accepted)
        self._batch.record(receipt.accepted + receipt.duplicates + receipt.rejected)
        if receipt.duplicates:
            self._duplicates.add(receipt.duplicates)
        if receipt.problems:
            for (warning, reason), events in Tally((problem.warning, problem.reason) for problem in receipt.problems).items():
                (self._warned if warning else self._rejected).add(events, reason)

    def failed(self, code: str) -> None:
        """A batch was refused as a whole."""
        self._requests.add(1, code)

    def cookieless_degraded(self, reason: str, events: int = 1) -> None:
        """Events that asked for a derived visitor got none; reasons are names of the code's own."""
        self._degraded.add(events, reason)
