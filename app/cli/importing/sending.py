"""Sends batches through Capture: several in flight, again when the server asks to wait, in halves when it takes none of a batch."""

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from connectrpc.client import ResponseMetadata
from connectrpc.code import Code
from connectrpc.compression.gzip import GzipCompression
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, stop_any, stop_when_event_set
from tenacity.nap import sleep_using_event
from tenacity.wait import wait_random_exponential

from app.cli.client import Server, call_failure, error_info, sync_http
from app.cli.importing.batches import Batch, Entry, Reject, capture_body
from app.cli.importing.checkpoint import Totals, Warned
from pug.capture.v1.capture_connect import CaptureServiceClientSync

# Ids make it harmless to send a batch again of which nobody knows whether it arrived.
_TRANSIENT = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED})
_LONGEST_PAUSE_S = 15.0
_TIMEOUT_MS = 30_000


class Problem(msgspec.Struct):
    """Capture's Problem."""

    index: int = 0
    reason: str = ""
    field: str = ""
    message: str = ""
    warning: bool = False


class Receipt(msgspec.Struct):
    """Capture's CaptureResponse."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    problems: list[Problem] = []


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch."""

    totals: Totals = field(default_factory=Totals)
    rejects: list[Reject] = field(default_factory=list[Reject])

    def plus(self, other: "Outcome") -> "Outcome":
        """Both together."""
        return Outcome(self.totals.plus(other.totals), self.rejects + other.rejects)


class CaptureRefused(Exception):
    """Capture took nothing of a batch."""

    def __init__(self, error: ConnectError, retry_after: timedelta | None) -> None:
        """`retry_after` is when the server wants to be asked again."""
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after

    @property
    def is_too_large(self) -> bool:
        """Whether fewer events or bytes would have been taken."""
        info = error_info(self.error)
        reason = info.reason if info else ""
        return self.error.code is Code.RESOURCE_EXHAUSTED and (reason == "BATCH_TOO_LARGE" or "larger than" in self.error.message)

    @property
    def is_about_the_events(self) -> bool:
        """Whether other events would have been taken."""
        return self.is_too_large or self.error.code is Code.INVALID_ARGUMENT

    @property
    def is_transient(self) -> bool:
        """Whether the same batch may be taken later."""
        return self.error.code in _TRANSIENT and not self.is_too_large


Capture = Callable[[bytes], Receipt]


def capture_at(server: Server) -> Capture:
    """Calls Capture with a request that is JSON already: lines of a file need not be decoded to be sent.

    It blocks, and is meant for threads: the asyncio transport of pyqwest 0.12 aborts the interpreter now and then when it ends.
    """
    compression = None if server.is_local else GzipCompression(level=1)
    client = CaptureServiceClientSync(
        server.url,
        codec=_ReadyJson(),
        http_client=sync_http(server.ca_certificate),
        timeout_ms=_TIMEOUT_MS,
        send_compression=compression,
    )

    def capture(body: bytes) -> Receipt:
        with ResponseMetadata() as response:
            try:
                return client.execute_unary(request=body, method=_CAPTURE, headers=server.headers)
            except ConnectError as error:
                raise CaptureRefused(error, _seconds(response.headers.get("retry-after"))) from error

    return capture


def probe(capture: Capture, server: Server) -> None:
    """Sends an empty batch, so that a wrong address or key shows before anything is read."""
    try:
        capture(capture_body([]))
    except CaptureRefused as refusal:
        if not refusal.is_transient or error_info(refusal.error) is None:
            raise call_failure(refusal.error, server) from refusal


def patient(capture: Capture, give_up_after: timedelta, note: Callable[[str], None], stop: threading.Event) -> Capture:
    """The same, asking again while the server is away or busy, and saying so; it gives up at once when told to stop."""

    def tell(state: RetryCallState) -> None:
        refusal = _failure(state)
        cause = str(refusal) if refusal and error_info(refusal.error) else "The server does not answer."
        note(f"{cause} Trying again for up to {give_up_after.total_seconds():,.0f} s.")

    def capture_patiently(body: bytes) -> Receipt:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, CaptureRefused) and error.is_transient),
            stop=stop_any(stop_after_delay(give_up_after), stop_when_event_set(stop)),
            wait=_pause,
            sleep=sleep_using_event(stop),
            before_sleep=tell,
            reraise=True,
        )
        return retrying(capture, body)

    return capture_patiently


def deliver(entries: list[Entry], capture: Capture) -> Outcome:
    """Sends events until each one is accepted or refused; a batch refused as a whole goes in halves, down to the event at fault."""
    if not entries:
        return Outcome()
    try:
        receipt = capture(capture_body(entries))
    except CaptureRefused as refusal:
        if not refusal.is_about_the_events:
            raise
        if len(entries) == 1:
            return Outcome(Totals(rejected=1), [_refused(entries[0], refusal)])
        middle = len(entries) // 2
        return deliver(entries[:middle], capture).plus(deliver(entries[middle:], capture))
    rejects = [
        Reject(entries[problem.index].line, problem.reason, problem.field, problem.message, entries[problem.index].raw)
        for problem in receipt.problems
        if not problem.warning
    ]
    return Outcome(Totals(receipt.accepted, receipt.duplicates, receipt.rejected, _warnings(receipt.problems)), rejects)


def _warnings(problems: Iterable[Problem]) -> dict[str, Warned]:
    """The warnings by reason: a file of old events has one for each, all saying the same."""
    warnings = [problem for problem in problems if problem.warning]
    messages = {problem.reason: problem.message for problem in warnings}
    return {reason: Warned(count, messages[reason]) for reason, count in Counter(problem.reason for problem in warnings).items()}


def deliver_all(
    batches: Iterable[Batch], capture: Capture, in_flight: int, done: Callable[[Batch, Outcome], None], stop: threading.Event
) -> None:
    """Delivers batches, some at a time; `done` hears of them in the order of the file. At the end, whatever the end, it sets `stop`."""
    under_way: deque[tuple[Batch, Future[Outcome]]] = deque()

    def finish_oldest() -> None:
        batch, delivery = under_way[0]
        outcome = delivery.result()
        under_way.popleft()
        done(batch, outcome)

    with _threads(in_flight, stop) as threads:
        for batch in batches:
            under_way.append((batch, threads.submit(deliver, batch.entries, capture)))
            if len(under_way) > in_flight:
                finish_oldest()
        while under_way:
            finish_oldest()


@contextlib.contextmanager
def _threads(count: int, stop: threading.Event) -> Generator[ThreadPoolExecutor]:
    threads = ThreadPoolExecutor(count, thread_name_prefix="import")
    try:
        yield threads
    finally:
        # What has not begun must not begin any more when the import was stopped.
        stop.set()
        threads.shutdown(wait=True, cancel_futures=True)


class _ReadyJson:
    """Sends bytes as they are and reads receipts with msgspec."""

    def name(self) -> str:
        return "json"

    def encode(self, message: bytes) -> bytes:
        return message

    def decode(self, data: bytes | bytearray, message_class: type[Receipt]) -> Receipt:
        return msgspec.json.decode(data, type=message_class)


_CAPTURE: MethodInfo[bytes, Receipt] = MethodInfo(
    name="Capture",
    service_name="pug.capture.v1.CaptureService",
    input=bytes,
    output=Receipt,
    idempotency_level=IdempotencyLevel.UNKNOWN,
    stream_type=StreamType.UNARY,
)
_backoff = wait_random_exponential(multiplier=0.5, max=_LONGEST_PAUSE_S)


def _pause(state: RetryCallState) -> float:
    error = _failure(state)
    asked = error.retry_after.total_seconds() if error and error.retry_after else 0.0
    return max(asked, _backoff(state))


def _failure(state: RetryCallState) -> CaptureRefused | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, CaptureRefused) else None


def _refused(entry: Entry, refusal: CaptureRefused) -> Reject:
    info = error_info(refusal.error)
    reason = info.reason if info else refusal.error.code.name
    return Reject(entry.line, reason, info.field if info else "", refusal.error.message, entry.raw)


def _seconds(header: str | None) -> timedelta | None:
    return timedelta(seconds=int(header)) if header and header.isdecimal() else None
