"""Who is who, as a website and a person with a secret key meet it."""

import contextlib
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import grpc
import pytest

from pug.profiles.v1 import profiles_pb2, profiles_pb2_grpc
from pug_process import PugProcess

PROFILES = "profiles.v1.ProfilesService"


def persons(pug: PugProcess) -> float:
    series = [{"event": {"name": "moved in"}, "metric": {"kind": "KIND_PERSONS"}}]
    answer = pug.call("insights.v1.InsightsService/Query", {"insight": {"trends": {"series": series}}, "preset": "PRESET_TODAY"})
    return answer["trends"]["series"][0]["values"][0]


def settled(pug: PugProcess, expected: float) -> float:
    deadline = time.monotonic() + 5
    while (found := persons(pug)) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_a_page_identifies_with_its_write_key_and_within_seconds_one_person_is_counted(pug: PugProcess) -> None:
    events = [{"name": "moved in", "distinctId": one} for one in ("device-1", "device-2", "eve@town.example")]
    pug.call("capture.v1.CaptureService/Capture", {"events": events}, key=pug.notes["write_key"])
    before = settled(pug, 3)

    for device in ("device-1", "device-2"):
        pug.call(
            f"{PROFILES}/Identify",
            {"distinctId": device, "externalId": "eve@town.example", "traits": {"plan": "pro"}},
            key=pug.notes["write_key"],
        )

    assert (before, settled(pug, 1)) == (3, 1)
    person = pug.call(f"{PROFILES}/GetPerson", {"distinctId": "device-2"})["person"]
    assert (person["externalId"], person["traits"], person["activity"]["events"]) == ("eve@town.example", {"plan": "pro"}, "3")


def test_a_write_key_reads_nobody_and_merges_nobody(pug: PugProcess) -> None:
    with grpc.insecure_channel(pug.notes["grpc_url"]) as channel:
        stub: Any = profiles_pb2_grpc.ProfilesServiceStub(channel)
        metadata = (("authorization", f"Bearer {pug.notes['write_key']}"),)
        for call, request in (
            (stub.GetPerson, profiles_pb2.GetPersonRequest(distinct_id="device-1")),
            (stub.Merge, profiles_pb2.MergeRequest(into="device-1")),
            (stub.ListMerges, profiles_pb2.ListMergesRequest()),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request, metadata=metadata)
            error: Any = refused.value
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED


def test_who_is_who_survives_kills_and_everybody_is_counted_once(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data")
    pug.start()
    devices = [f"device-{number}" for number in range(60)]
    pug.call("capture.v1.CaptureService/Capture", {"events": [{"name": "moved in", "distinctId": one} for one in devices]})

    for number, device in enumerate(devices):
        identified(pug, {"distinctId": device, "externalId": f"person-{number % 7}", "traits": {"devices": number}})
        if number % 20 == 9:
            pug.kill()
            pug.start()

    assert settled(pug, 7) == 7
    found = pug.call(f"{PROFILES}/ListPersons", {"known": "KNOWN_IDENTIFIED"})["persons"]
    assert sorted(one["externalId"] for one in found) == [f"person-{number}" for number in range(7)]
    assert sum(int(one["activity"]["events"]) for one in found) == len(devices)
    assert {one["traits"]["devices"] for one in found} == set(range(53, 60))
    assert pug.stop() == 0


def identified(pug: PugProcess, body: dict[str, object]) -> None:
    """Again and again until it is acknowledged."""
    while True:
        with contextlib.suppress(OSError, HTTPException, ValueError):
            if pug.answer(f"{PROFILES}/Identify", body, key=pug.notes["write_key"])[0] == 200:
                return
        time.sleep(0.05)
