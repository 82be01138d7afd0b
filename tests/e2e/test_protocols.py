"""The same answers over every protocol, with clients that are not ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pug.capture.v1 import capture_pb2, capture_pb2_grpc
from pug.common.v1.error_info_pb2 import ErrorInfo
from pug.insights.v1 import insights_pb2, insights_pb2_grpc
from pug_process import PugProcess

ROOT = Path(__file__).parent.parent.parent
BUF = Path(sys.executable).with_name("buf")
EVENT = '{"events":[{"name":"protocol_tested","distinctId":"ann"}]}'


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_captures_over_http_1_and_2(pug: PugProcess, version: str) -> None:
    url = f"{pug.notes['http_url']}/pug.capture.v1.CaptureService/Capture"

    answer = run(
        "curl",
        "-s",
        version,
        url,
        "-H",
        f"Authorization: Bearer {pug.notes['write_key']}",
        "-H",
        "Content-Type: application/json",
        "-d",
        EVENT,
    )

    assert json.loads(answer)["accepted"] == 1


@pytest.mark.parametrize("protocol", ["connect", "grpcweb", "grpc"])
def test_buf_curl_captures_and_streams_over_three_protocols(pug: PugProcess, protocol: str) -> None:
    base = f"http://{pug.notes['grpc_url']}" if protocol == "grpc" else pug.notes["http_url"]
    schema = [] if protocol == "grpc" else ["--schema", ROOT / "proto"]
    command = [
        BUF,
        "curl",
        *schema,
        "--protocol",
        protocol,
        "--http2-prior-knowledge",
        "-H",
        f"Authorization: Bearer {pug.notes['write_key']}",
        "-d",
    ]

    one = run(*command, EVENT, f"{base}/pug.capture.v1.CaptureService/Capture")
    two = run(*command, EVENT + EVENT, f"{base}/pug.capture.v1.CaptureService/CaptureStream")

    assert json.loads(one) == {"accepted": 1}
    assert [json.loads(part) for part in two.replace("}\n{", "}\0{").split("\0")] == [{"receipt": {"accepted": 1}}] * 2


def test_a_query_can_be_a_get(pug: PugProcess) -> None:
    url, key = f"{pug.notes['http_url']}/pug.insights.v1.InsightsService/GetSchema", f"Authorization: Bearer {pug.notes['secret_key']}"

    answer = run("curl", "-s", "-G", url, "-H", key, "--data-urlencode", "encoding=json", "--data-urlencode", "message={}")

    assert "events" in json.loads(answer)


def test_grpcio_captures_streams_and_asks(pug: PugProcess) -> None:
    batch = capture_pb2.CaptureRequest(events=[capture_pb2.Event(name="grpc_tested", distinct_id="ann")])
    with grpc.insecure_channel(pug.notes["grpc_url"]) as channel:
        capture: Any = capture_pb2_grpc.CaptureServiceStub(channel)
        insights: Any = insights_pb2_grpc.InsightsServiceStub(channel)

        receipt = capture.Capture(batch, metadata=bearer(pug.notes["write_key"]))
        streamed = list(
            capture.CaptureStream(
                iter([capture_pb2.CaptureStreamRequest(events=batch.events)] * 3), metadata=bearer(pug.notes["write_key"])
            )
        )
        schema = insights.GetSchema(insights_pb2.GetSchemaRequest(), metadata=bearer(pug.notes["secret_key"]))

    assert receipt.accepted == 1
    assert [part.receipt.accepted for part in streamed] == [1, 1, 1]
    assert isinstance(schema, insights_pb2.GetSchemaResponse)


def test_health_is_open_to_everyone(pug: PugProcess) -> None:
    with grpc.insecure_channel(pug.notes["grpc_url"]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        health = stub.Check(health_pb2.HealthCheckRequest(service="pug.capture.v1.CaptureService"))

    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_grpc_error_carries_its_reason_field_and_hint(pug: PugProcess) -> None:
    with grpc.insecure_channel(pug.notes["grpc_url"]) as channel, pytest.raises(grpc.RpcError) as refused:
        insights_pb2_grpc.InsightsServiceStub(channel).Query(insights_pb2.QueryRequest(), metadata=bearer(pug.notes["write_key"]))

    error: Any = refused.value
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (error.code(), info.reason, info.field) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", "authorization")
    assert info.hint


def test_a_browser_on_another_site_may_call(pug: PugProcess) -> None:
    url = f"{pug.notes['http_url']}/pug.capture.v1.CaptureService/Capture"
    asked = [
        "Origin: https://shop.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization,content-type",
    ]

    answer = run("curl", "-s", "-i", "-X", "OPTIONS", url, *(part for header in asked for part in ("-H", header)))

    assert "access-control-allow-origin: *" in answer
    assert " 200 " in answer.splitlines()[0]
