"""What Pug tells about itself, seen from outside."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from otlp_collector import Collector
from pug.capture.v1 import capture_pb2, capture_pb2_grpc
from pug.insights.v1 import insights_pb2, insights_pb2_grpc
from pug_process import PugProcess

CAPTURE = "pug.capture.v1.CaptureService/Capture"
QUERY = "pug.insights.v1.InsightsService/Query"
# What must never be a label or an attribute: a name, an id, a property of these tests' events.
PERSONAL = ("secretly_named", "ann-the-person", "ann@example.com", "127.0.0.1", "203.0.113.9")


def event(**fields: object) -> dict[str, object]:
    given = {"eventId": str(uuid.uuid4()), "name": "secretly_named", "distinctId": "ann-the-person"}
    return given | {"properties": {"email": "ann@example.com"}} | fields


def scrape(pug: PugProcess) -> list[Metric]:
    with urlopen(pug.notes["metrics_url"], timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        return list(text_string_to_metric_families(answer.read().decode()))


def values(pug: PugProcess) -> dict[tuple[str, tuple[str, ...]], float]:
    """By name and values of the labels."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in scrape(pug)
        for sample in family.samples
    }


def settled(condition: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_the_numbers_are_those_of_what_was_sent(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data")
    pug.start()
    known = event()

    for _ in range(3):
        pug.call("capture.v1.CaptureService/Capture", {"events": [known, known, event(), event(name="")]})
    refused, _ = pug.answer("capture.v1.CaptureService/Capture", {"events": [event()] * 1001})
    unknown, _ = pug.answer("capture.v1.CaptureService/Capture", {"events": [event()]}, key="pk_unknown")
    settled(lambda: values(pug)["pug_events_stored_total", ()] + values(pug)["pug_events_duplicate_total", ()] >= 4)
    settled(lambda: values(pug).get(("pug_stream_lag_messages", ())) == 0)
    found, families = values(pug), scrape(pug)

    assert pug.stop() == 0
    assert (refused, unknown) == (429, 401)
    expected = {
        ("pug_capture_events_accepted_total", ()): 4,
        ("pug_capture_events_duplicate_total", ()): 5,
        ("pug_capture_events_rejected_total", ("NAME_MISSING",)): 3,
        ("pug_capture_requests_total", ("ok",)): 3,
        ("pug_capture_requests_total", ("resource_exhausted",)): 1,
        ("pug_capture_batch_events_count", ()): 3,
        ("pug_capture_batch_events_sum", ()): 12,
        ("pug_capture_publish_seconds_count", ()): 3,
        ("pug_events_stored_total", ()): 4,
        ("pug_events_duplicate_total", ()): 0,
        ("pug_block_rows_sum", ()): 4,
        ("pug_block_retries_total", ()): 0,
        ("pug_stream_lag_messages", ()): 0,
        ("pug_stream_bytes", ()): 0,
        ("pug_stream_lag_seconds", ()): 0,
        ("pug_dead_letters", ()): 0,
        ("pug_rpc_seconds_count", ("ok", CAPTURE)): 3,
        ("pug_rpc_seconds_count", ("resource_exhausted", CAPTURE)): 1,
        ("pug_rpc_seconds_count", ("unauthenticated", CAPTURE)): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert all(family.documentation for family in families if family.name.startswith("pug_"))
    labels = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert not any(personal in label for label in labels for personal in (*PERSONAL, "pk_"))


def test_a_trace_of_a_question_leads_to_its_sql_over_both_protocols(tmp_path: Path) -> None:
    question = {"insight": {"trends": {"series": [{"event": {"name": "secretly_named"}}]}}, "preset": "PRESET_LAST_90_DAYS"}
    with Collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50", "NO_PROXY": "127.0.0.1"}
        pug = PugProcess(tmp_path / "data", variables)
        pug.start()
        pug.call("capture.v1.CaptureService/Capture", {"events": [event()]})
        assert pug.settled_total("secretly_named", 1) == 1
        traces = {"connect": uuid.uuid4().hex, "grpc": uuid.uuid4().hex}
        key = pug.notes["secret_key"]

        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        headers["traceparent"] = f"00-{traces['connect']}-b7ad6b7169203331-01"
        with urlopen(Request(f"{pug.notes['http_url']}/{QUERY}", json.dumps(question).encode(), headers)) as answer:
            assert sum(json.load(answer)["trends"]["series"][0]["values"]) == 1
        metadata = (("authorization", f"Bearer {key}"), ("traceparent", f"00-{traces['grpc']}-b7ad6b7169203331-01"))
        with grpc.insecure_channel(pug.notes["grpc_url"]) as channel:
            stub: Any = insights_pb2_grpc.InsightsServiceStub(channel)
            # Of another range, or the answer would be that of a moment ago.
            asked = ParseDict({**question, "preset": "PRESET_LAST_30_DAYS"}, insights_pb2.QueryRequest())
            assert sum(stub.Query(asked, metadata=metadata).trends.series[0].values) == 1
        assert pug.stop() == 0

    for trace in traces.values():
        spans = [span for span in collector.spans if span.trace_id.hex() == trace]
        (rpc,) = [span for span in spans if span.name == QUERY]
        (query,) = [span for span in spans if span.name == "query"]
        parts = {span.name: span for span in spans if span.parent_span_id == query.span_id}
        assert query.parent_span_id == rpc.span_id
        assert parts.keys() == {"plan", "turn", "clickhouse", "shape"}
        assert attributes(query) == {"pug.kind": "trends", "pug.source": "rollup", "pug.cache": "miss"}
        assert len(attributes(parts["clickhouse"])["pug.statement"]) == 16
    told = " ".join(str(message) for message in (*collector.traces, *collector.metrics))
    assert not any(personal in told for personal in (*PERSONAL, key))


def attributes(of: Any) -> dict[str, str]:  # noqa: ANN401 (spans, links, events and resources have them alike)
    given: list[KeyValue] = list(of.attributes)
    return {each.key: each.value.string_value or str(each.value.int_value) for each in given}


def test_a_trace_leads_from_the_callers_own_to_the_insert_over_both_protocols(tmp_path: Path) -> None:
    with Collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50", "NO_PROXY": "127.0.0.1"}
        pug = PugProcess(tmp_path / "data", variables)
        pug.start()
        traces = {"connect": uuid.uuid4().hex, "grpc": uuid.uuid4().hex}
        key = pug.notes["write_key"]

        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9"}
        headers["traceparent"] = f"00-{traces['connect']}-b7ad6b7169203331-01"
        with urlopen(Request(f"{pug.notes['http_url']}/{CAPTURE}", json.dumps({"events": [event()]}).encode(), headers)) as answer:
            assert json.load(answer)["accepted"] == 1
        metadata = (("authorization", f"Bearer {key}"), ("traceparent", f"00-{traces['grpc']}-b7ad6b7169203331-01"))
        with grpc.insecure_channel(pug.notes["grpc_url"]) as channel:
            stub: Any = capture_pb2_grpc.CaptureServiceStub(channel)
            batch = capture_pb2.CaptureRequest(events=[capture_pb2.Event(name="secretly_named", distinct_id="ann-the-person")])
            assert stub.Capture(batch, metadata=metadata).accepted == 1
        assert pug.settled_total("secretly_named", 2) == 2
        # The end sends what is left, the metrics among it.
        assert pug.stop() == 0

    for trace in traces.values():
        named = {span.name: span for span in collector.spans if span.trace_id.hex() == trace}
        assert named[CAPTURE].parent_span_id.hex() == "b7ad6b7169203331"
        assert named["publish"].parent_span_id == named[CAPTURE].span_id
        followed = [
            span
            for span in collector.spans
            if span.name == "block" and named["publish"].span_id in {span.parent_span_id, *(link.span_id for link in span.links)}
        ]
        assert len(followed) == 1
        steps = {span.name for span in collector.spans if span.parent_span_id == followed[0].span_id}
        assert steps == {"look-up", "ledger", "insert", "acknowledge"}
    resource = attributes(collector.traces[0].resource_spans[0].resource)
    assert (resource["service.name"], bool(resource["service.instance.id"]), bool(resource["service.version"])) == ("pug", True, True)
    told = " ".join(str(message) for message in (*collector.traces, *collector.metrics))
    assert "pug.capture.events.accepted" in told
    assert not any(personal in told for personal in (*PERSONAL, key))
