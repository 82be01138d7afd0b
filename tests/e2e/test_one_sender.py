"""What one sender does, however rude, is no other sender's trouble."""

import base64
import contextlib
import gzip
import json
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import brotli
import grpc
import psutil
import pytest
import zstandard

from pug.capture.v1 import capture_pb2, capture_pb2_grpc
from pug.common.v1.error_info_pb2 import ErrorInfo
from pug_process import PugProcess

CAPTURE = "capture.v1.CaptureService/Capture"
GOOD = {"name": "seen", "distinctId": "ann"}
SOON_S = 10
ALLOWED = 3
MORE_THAN_ALLOWED = 6


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PugProcess]:
    """A Pug of which a key may have three requests under way, and send 100 events a second."""
    running = PugProcess(
        tmp_path_factory.mktemp("narrow") / "data", {"PUG_KEY_CONCURRENT_REQUESTS": str(ALLOWED), "PUG_KEY_EVENTS_PER_SECOND": "100"}
    )
    running.start()
    yield running
    assert running.stop() == 0


def new_key(pug: PugProcess) -> str:
    return str(pug.call("accounts.v1.AccountsService/CreateApiKey", {"kind": "KIND_WRITE", "label": "sender"})["token"])


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(url, body, named), timeout=30) as response:
            return response.status, dict(response.headers), response.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


def send(pug: PugProcess, key: str, events: int = 1) -> tuple[int, dict[str, str], dict[str, Any]]:
    status, headers, body = post(
        f"{pug.notes['http_url']}/pug.{CAPTURE}",
        json.dumps({"events": [GOOD] * events}).encode(),
        authorization=f"Bearer {key}",
        content_type="application/json",
    )
    return status, headers, json.loads(body)


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


def reason(answer: dict[str, Any]) -> str:
    return ErrorInfo.FromString(base64.b64decode(answer["details"][0]["value"] + "==")).reason


@contextlib.contextmanager
def stalled(pug: PugProcess, key: str, connections: int) -> Generator[None]:
    """Requests whose bodies never come, once those that are too many have been refused."""
    to = urlsplit(pug.notes["http_url"])
    with contextlib.ExitStack() as open_ones:
        held = [open_ones.enter_context(socket.create_connection((to.hostname, to.port))) for _ in range(connections)]
        head = f"POST /pug.{CAPTURE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        for each in held:
            each.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        # A question asked before that could take a place for a moment, and a stalled request be refused in its stead.
        wait_until(lambda: len(select.select(held, [], [], 0)[0]) == connections - ALLOWED)
        yield


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until it is true; an error when time is up."""
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until(pug: PugProcess, key: str, wanted: int) -> int:
    """The status of a key's calls once it is the wanted one, or time is up."""
    deadline = time.monotonic() + SOON_S
    while (status := send(pug, key)[0]) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return status


def test_a_key_whose_bodies_stall_is_refused_more_and_another_key_is_not(narrow: PugProcess) -> None:
    rude, other = new_key(narrow), new_key(narrow)

    with stalled(narrow, rude, MORE_THAN_ALLOWED):
        refused, headers, answer = send(narrow, rude)
        others = send(narrow, other)[0]
    afterwards = until(narrow, rude, 200)

    assert (refused, reason(answer), headers["retry-after"]) == (429, "TOO_MANY_REQUESTS", "1")
    assert (others, afterwards) == (200, 200)


def test_native_calls_whose_messages_never_come_hold_their_keys_places_only(narrow: PugProcess) -> None:
    rude, other = new_key(narrow), new_key(narrow)
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait()
        yield from ()

    with grpc.insecure_channel(narrow.notes["grpc_url"]) as channel:
        silent: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/pug.{CAPTURE}")
        held = [silent.future(nothing(), metadata=bearer(rude)) for _ in range(MORE_THAN_ALLOWED)]
        wait_until(lambda: sum(call.done() for call in held) == MORE_THAN_ALLOWED - ALLOWED)
        refused = send(narrow, rude)[0]
        others = send(narrow, other)[0]
        for call in held:
            call.cancel()
        over.set()
        afterwards = until(narrow, rude, 200)

    assert (refused, others, afterwards) == (429, 200, 200)


def test_a_key_over_its_rate_is_told_when_to_come_back_on_both_ports_and_another_key_is_not(narrow: PugProcess) -> None:
    rude, other = new_key(narrow), new_key(narrow)

    burst = send(narrow, rude, 1_000)
    status, headers, answer = send(narrow, rude)
    with grpc.insecure_channel(narrow.notes["grpc_url"]) as channel, pytest.raises(grpc.RpcError) as refused:
        capture_pb2_grpc.CaptureServiceStub(channel).Capture(capture_pb2.CaptureRequest(), metadata=bearer(rude))
    error: Any = refused.value

    assert (burst[0], status, reason(answer)) == (200, 429, "RATE_LIMITED")
    assert 1 <= int(headers["retry-after"]) <= 5
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert 1 <= int(dict(error.trailing_metadata())["retry-after"]) <= 5
    assert send(narrow, other)[0] == 200


def test_connections_that_say_nothing_are_ended(narrow: PugProcess) -> None:
    to = urlsplit(narrow.notes["http_url"])
    with contextlib.ExitStack() as open_ones:
        silent = [open_ones.enter_context(socket.create_connection((to.hostname, to.port), timeout=30)) for _ in range(300)]

        assert {each.recv(1) for each in silent} == {b""}


ENCODED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress, "br": brotli.compress}


@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding_is_taken_and_a_bomb_in_it_is_not(pug: PugProcess, encoding: str) -> None:
    url, key = f"{pug.notes['http_url']}/pug.{CAPTURE}", f"Bearer {pug.notes['write_key']}"
    good, bomb = json.dumps({"events": [GOOD]}).encode(), b'{"events":[' + b" " * (20 * 2**20) + b"]}"

    taken = post(url, ENCODED[encoding](good), authorization=key, content_type="application/json", content_encoding=encoding)
    refused = post(url, ENCODED[encoding](bomb), authorization=key, content_type="application/json", content_encoding=encoding)

    assert (taken[0], json.loads(taken[2])["accepted"]) == (200, 1)
    assert (refused[0], reason(json.loads(refused[2]))) == (429, "BODY_TOO_LARGE")


STREAMED = [("application/connect+json", "connect-content-encoding"), ("application/grpc-web+json", "grpc-encoding")]


@pytest.mark.parametrize(("content_type", "header"), STREAMED)
@pytest.mark.parametrize("encoding", ENCODED)
def test_a_stream_takes_every_encoding(pug: PugProcess, encoding: str, content_type: str, header: str) -> None:
    message = ENCODED[encoding](json.dumps({"events": [GOOD]}).encode())
    framed = b"\x01" + len(message).to_bytes(4, "big") + message

    status, _, body = post(
        f"{pug.notes['http_url']}/pug.{CAPTURE}Stream",
        framed * 2,
        authorization=f"Bearer {pug.notes['write_key']}",
        content_type=content_type,
        **{header: encoding},
    )

    assert status == 200
    assert body.count(b'"accepted": 1') == 2


def test_native_calls_and_streams_may_be_compressed_and_a_bad_batch_ends_no_stream(pug: PugProcess) -> None:
    good = capture_pb2.CaptureStreamRequest(events=[capture_pb2.Event(name="seen", distinct_id="ann")])
    too_many = capture_pb2.CaptureStreamRequest(events=[capture_pb2.Event()] * 1_001)
    metadata = bearer(pug.notes["write_key"])
    with grpc.insecure_channel(pug.notes["grpc_url"], compression=grpc.Compression.Gzip) as channel:
        stub: Any = capture_pb2_grpc.CaptureServiceStub(channel)

        receipt = stub.Capture(capture_pb2.CaptureRequest(events=list(good.events) * 100), metadata=metadata)
        answers = list(stub.CaptureStream(iter([good, too_many, good]), metadata=metadata))

    assert receipt.accepted == 100
    assert [answer.receipt.accepted for answer in answers] == [1, 0, 1]
    assert answers[1].error.info.reason == "BATCH_TOO_LARGE"


def test_a_native_bomb_is_stopped_at_the_limit(pug: PugProcess) -> None:
    with grpc.insecure_channel(pug.notes["grpc_url"], compression=grpc.Compression.Gzip) as channel:
        bomb: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/pug.{CAPTURE}")

        with pytest.raises(grpc.RpcError) as refused:
            bomb(bytes(20 * 2**20), metadata=bearer(pug.notes["write_key"]))

    error: Any = refused.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_unknown_encoding_is_told_which_there_are(pug: PugProcess) -> None:
    status, _, body = post(
        f"{pug.notes['http_url']}/pug.{CAPTURE}",
        b"{}",
        authorization=f"Bearer {pug.notes['write_key']}",
        content_type="application/json",
        content_encoding="lz4",
    )

    assert status == 501
    assert "content-encoding names 'lz4'" in json.loads(body)["message"]
    assert "gzip, zstd, br" in json.loads(body)["message"]


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("key", ["write_key", "nobody"])
def test_a_refusal_reaches_a_client_that_is_still_sending(pug: PugProcess, tmp_path: Path, version: str, key: str) -> None:
    body = tmp_path / "body"
    body.write_bytes(b" " * 5 * 2**20)
    token = pug.notes.get(key, "pk_nobody")

    url, headers = f"{pug.notes['http_url']}/pug.{CAPTURE}", (f"Authorization: Bearer {token}", "Content-Type: application/json", "Expect:")
    command = ["curl", "-sS", version, url, "--data-binary", f"@{body}", *(part for header in headers for part in ("-H", header))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert reason(json.loads(done.stdout)) == "BODY_TOO_LARGE"


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "application/json"])
def test_a_beacon_is_captured_and_its_answer_may_be_read_by_the_page(pug: PugProcess, content_type: str) -> None:
    status, headers, body = post(
        f"{pug.notes['http_url']}/pug.{CAPTURE}?key={pug.notes['write_key']}",
        json.dumps({"events": [GOOD]}).encode(),
        content_type=content_type,
        origin="https://shop.example",
        cookie="theirs=1",
    )

    assert (status, json.loads(body)["accepted"]) == (200, 1)
    assert headers["access-control-allow-origin"] == "https://shop.example"
    assert headers["access-control-allow-credentials"] == "true"


def test_a_secret_in_a_url_is_refused_and_works_nowhere_else_either(pug: PugProcess) -> None:
    status, _, body = post(f"{pug.notes['http_url']}/pug.insights.v1.InsightsService/GetSchema?key={pug.notes['secret_key']}", b"{}")

    assert (status, reason(json.loads(body))) == (401, "SECRET_IN_URL")
    assert pug.notes["secret_key"] not in body.decode()


def test_a_key_in_the_query_opens_nothing_but_capture(pug: PugProcess) -> None:
    status, _, body = post(
        f"{pug.notes['http_url']}/pug.insights.v1.InsightsService/GetSchema?key={pug.notes['write_key']}",
        b"{}",
        content_type="application/json",
    )

    assert (status, reason(json.loads(body))) == (401, "CREDENTIAL_MISSING")


def test_a_stream_that_hangs_is_unavailable_and_takes_what_comes_when_it_is_back(narrow: PugProcess) -> None:
    key = new_key(narrow)
    (nats,) = [process for process in narrow.tree() if "nats-server" in " ".join(psutil.Process(process.pid).cmdline()[:1])]

    nats.suspend()
    try:
        status, headers, answer = send(narrow, key)
    finally:
        nats.resume()

    assert (status, reason(answer), headers["retry-after"]) == (503, "STREAM_UNAVAILABLE", "1")
    assert until(narrow, key, 200) == 200
