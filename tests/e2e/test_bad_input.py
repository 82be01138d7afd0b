"""Whatever is sent: a clear error that names the field, nothing lost, nobody else harmed."""

import base64
import gzip
import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from pug.common.v1.error_info_pb2 import ErrorInfo
from pug_process import PugProcess

CAPTURE = "capture.v1.CaptureService/Capture"
QUERY = "insights.v1.InsightsService/Query"
GOOD = {"name": "kept", "distinctId": "ann"}


def info(answer: dict[str, Any]) -> ErrorInfo:
    return ErrorInfo.FromString(base64.b64decode(answer["details"][0]["value"] + "=="))


def raw(pug: PugProcess, method: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    key = pug.notes["write_key" if method.startswith("capture") else "secret_key"]
    request = Request(
        f"{pug.notes['http_url']}/pug.{method}", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | headers
    )
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [("", 401, "CREDENTIAL_MISSING"), ("pk_nobody", 401, "CREDENTIAL_INVALID"), ("'; DROP TABLE api_keys; --", 401, "CREDENTIAL_INVALID")],
)
def test_a_wrong_or_missing_key_is_refused(pug: PugProcess, key: str, status: int, reason: str) -> None:
    answered, body = raw(pug, CAPTURE, b"{}", Authorization=f"Bearer {key}")

    assert (answered, info(json.loads(body)).reason) == (status, reason)


def test_a_write_key_reads_nothing(pug: PugProcess) -> None:
    status, answer = pug.answer(QUERY, {"preset": "PRESET_TODAY"}, key=pug.notes["write_key"])

    assert (status, info(answer).reason) == (403, "SCOPE_MISSING")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"nonsense", b"\xff\xfe", b'{"events":{}}', b'{"events":"x"}', b'{"evnts":[]}', b"[" * 40_000]
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(pug: PugProcess, body: bytes) -> None:
    status, answer = raw(pug, CAPTURE, body)

    assert status == 400, answer
    assert json.loads(answer)["code"] == "invalid_argument"


@pytest.mark.parametrize("body", [b"\x0a\xff", b"\xff\xff\xff\xff", b"\x0a\x05ab"])
def test_bytes_that_are_no_protobuf_are_refused(pug: PugProcess, body: bytes) -> None:
    status, answer = raw(pug, CAPTURE, body, **{"Content-Type": "application/proto"})

    assert status == 400, answer


def test_an_unknown_content_type_is_told_which_there_are(pug: PugProcess) -> None:
    status, answer = raw(pug, CAPTURE, b"{}", **{"Content-Type": "text/csv"})

    assert status == 415
    assert "application/json" in json.loads(answer)["message"]


def test_1001_events_are_too_many(pug: PugProcess) -> None:
    status, answer = pug.answer(CAPTURE, {"events": [GOOD] * 1001})

    assert (status, info(answer).reason, info(answer).field) == (429, "BATCH_TOO_LARGE", "events")


@pytest.mark.parametrize("compressed", [False, True])
def test_an_oversized_body_and_a_bomb_are_refused_quickly(pug: PugProcess, *, compressed: bool) -> None:
    body = b'{"events":[' + b" " * (50 * 2**20 if compressed else 2 * 2**20) + b"]}"
    started = time.perf_counter()

    status, answer = raw(pug, CAPTURE, gzip.compress(body), **{"Content-Encoding": "gzip"}) if compressed else raw(pug, CAPTURE, body)

    assert (status, info(json.loads(answer)).field) == (429, "body")
    assert time.perf_counter() - started < 10


def test_two_million_empty_events_are_refused(pug: PugProcess) -> None:
    status, answer = raw(
        pug, CAPTURE, gzip.compress(b"\x0a\x00" * 500_000), **{"Content-Encoding": "gzip", "Content-Type": "application/proto"}
    )

    assert (status, info(json.loads(answer)).reason) == (429, "BATCH_TOO_LARGE")


BAD_EVENTS: list[tuple[dict[str, object], str]] = [
    ({"name": "", "distinctId": "ann"}, "name"),
    ({"distinctId": "ann"}, "name"),
    ({"name": "x" * 201, "distinctId": "ann"}, "name"),
    ({"name": "lost"}, "distinctId"),
    ({"name": "lost", "distinctId": "y" * 201}, "distinctId"),
    ({"name": "lost", "distinctId": "undefined"}, "distinctId"),
    ({"name": "lost", "distinctId": "ann", "eventId": "not-a-uuid"}, "eventId"),
    ({"name": "lost", "distinctId": "ann", "occurredAt": "yesterday"}, "occurredAt"),
    ({"name": "lost", "distinctId": "ann", "occurredAt": 12}, "occurredAt"),
    ({"name": "lost", "distinctId": 5}, "distinctId"),
    ({"name": "lost", "distinctId": "ann", "properties": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, "properties"),
    ({"name": "lost", "distinctId": "ann", "properties": {"": 1}}, "properties"),
    ({"name": "lost", "distinctId": "ann", "properties": {"k": "z" * 8193}}, "properties"),
    ({"name": "lost", "distinctId": "ann", "properties": {f"k{n}": n for n in range(257)}}, "properties"),
    ({"name": "lost", "distinctId": "ann", "properties": [1]}, "properties"),
    ({"name": "lost", "distinctId": "ann", "properties": {"x": float("nan")}}, "properties.x"),
    ({"name": "lost", "distinctId": "ann", "propertys": {}}, "propertys"),
]


@pytest.mark.parametrize(("bad", "field"), BAD_EVENTS, ids=range(len(BAD_EVENTS)))
def test_a_bad_event_is_named_and_its_neighbours_are_kept(pug: PugProcess, bad: dict[str, object], field: str) -> None:
    receipt = pug.call(CAPTURE, {"events": [GOOD, bad, GOOD]})

    assert (receipt["accepted"], receipt["rejected"]) == (2, 1)
    (problem,) = receipt["problems"]
    assert problem["index"] == 1
    assert problem["field"].startswith(field)
    assert problem["reason"]
    assert problem["message"]


def ask(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "insight": {"trends": {"series": [{"event": {"name": "kept"}}]}},
        "timeRange": {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


NOTHING: dict[str, object] = {}


def trends(**changes: object) -> dict[str, object]:
    return {"trends": {"series": [{"event": {"name": "kept"}}]} | changes}


BAD_QUERIES: list[tuple[dict[str, object], str]] = [
    (ask(timeRange={"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), "timeRange"),
    (ask(timeRange={"from": "2020-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), "timeRange"),
    (ask(timeRange=None), "timeRange"),
    (ask(timeZone="Mars/Olympus"), "timeZone"),
    (ask(insight=None), "insight"),
    (ask(insight={"trends": {}}), "insight.trends.series"),
    (ask(insight=trends(series=[NOTHING] * 27)), "insight.trends.series"),
    (ask(insight=trends(series=[{"metric": {"kind": "KIND_SUM"}}])), "insight.trends.series[0].metric.property"),
    (ask(insight=trends(breakdowns=[{"property": f"p{n}"} for n in range(6)])), "insight.trends.breakdowns"),
    (ask(insight=trends(breakdownLimit=101)), "insight.trends.breakdownLimit"),
    (ask(insight=trends() | {"filters": {"filters": [{"property": "n", "op": "OP_GT", "values": ["much"]}]}}), "insight.filters"),
    (ask(insight=trends() | {"filters": {"filters": [{"property": "n", "op": "OP_MATCHES", "values": ["("]}]}}), "filters"),
    (ask(insight=trends() | {"filters": {"filters": [{"property": "", "values": ["a"]}]}}), "insight.filters"),
]


@pytest.mark.parametrize(("query", "field"), BAD_QUERIES, ids=range(len(BAD_QUERIES)))
def test_a_bad_query_is_refused_naming_the_field(pug: PugProcess, query: dict[str, object], field: str) -> None:
    status, answer = pug.answer(QUERY, query)

    assert status == 400, answer
    assert field in info(answer).field
    assert info(answer).hint


@pytest.mark.parametrize(
    "key", ["it's", 'say "hi"', "back\\slash", "back`tick", "ünï✓", "a.:Int64", "^a", "{x:String}", "'; DROP TABLE events; --", "tab\there"]
)
def test_a_filter_on_a_strange_key_finds_just_what_has_it(pug: PugProcess, key: str) -> None:
    name = f"strange {key}"
    pug.call(CAPTURE, {"events": [{"name": name, "distinctId": "ann", "properties": {key: "yes"}}, {"name": name, "distinctId": "bob"}]})
    assert pug.settled_total(name, 2) == 2

    question = {"trends": {"series": [{"event": {"name": name, "filters": [{"property": key, "values": ["yes"]}]}}]}}
    answer = pug.call(QUERY, {"insight": question, "preset": "PRESET_TODAY"})

    assert sum(answer["trends"]["series"][0]["values"]) == 1


def test_another_projects_key_sees_nothing(pug: PugProcess) -> None:
    assert pug.call("accounts.v1.AccountsService/ListApiKeys", {})["apiKeys"]
    status, answer = pug.answer("accounts.v1.AccountsService/RevokeApiKey", {"id": "0190a1b2-0000-7000-8000-00000000000f"})

    assert (status, info(answer).reason) == (404, "API_KEY_NOT_FOUND")


def test_a_revoked_key_ends_at_once(pug: PugProcess) -> None:
    made = pug.call("accounts.v1.AccountsService/CreateApiKey", {"kind": "KIND_WRITE", "label": "short-lived"})
    assert pug.call(CAPTURE, {"events": [GOOD]}, key=made["token"])["accepted"] == 1

    pug.call("accounts.v1.AccountsService/RevokeApiKey", {"id": made["apiKey"]["id"]})

    assert pug.answer(CAPTURE, {"events": [GOOD]}, key=made["token"])[0] == 401
