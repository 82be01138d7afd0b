"""Somebody is erased while they go on, and Pug is killed in the middle."""

import random
import threading
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Any

from pug_process import PugProcess

PROFILES = "profiles.v1.ProfilesService"
CAPTURE = "capture.v1.CaptureService/Capture"
KILLS = 3


class Clients(threading.Thread):
    """Zoe and Bob, on several devices; each of Bob's events is repeated until there is a receipt."""

    def __init__(self, pug: PugProcess) -> None:
        super().__init__(daemon=True)
        self._pug = pug
        self._done = threading.Event()
        self.bobs = 0

    def run(self) -> None:
        while not self._done.is_set():
            events = [
                {"eventId": str(uuid.uuid4()), "name": "lived", "distinctId": one} for one in ("zoe", "zoe-phone", "zoe-laptop", "bob")
            ]
            while not self._receipt({"events": events}):
                time.sleep(0.05)
            self.bobs += 1
            time.sleep(0.02)

    def _receipt(self, body: object) -> bool:
        try:
            status, _ = self._pug.answer(CAPTURE, body)
        except (OSError, HTTPException, ValueError):
            return False
        return status == 200

    def finish(self) -> None:
        self._done.set()
        self.join(60)


def test_killed_again_and_again_an_erasure_goes_on_and_nothing_of_them_is_left_or_comes_back(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data", {"PUG_BLOCK_WAIT_MS": "50"})
    pug.start()
    for device in ("zoe-phone", "zoe-laptop"):
        pug.call(f"{PROFILES}/Identify", {"distinctId": device, "externalId": "zoe", "traits": {"name": "Zoe"}}, key=pug.notes["write_key"])
    clients = Clients(pug)
    clients.start()
    time.sleep(2)

    erasure = pug.call(f"{PROFILES}/EraseDataSubject", {"externalId": "zoe"})["erasure"]
    for _ in range(KILLS):
        time.sleep(random.uniform(0.1, 3.0))
        pug.kill()
        pug.start()
    done = finished(pug, erasure["id"])
    time.sleep(1)
    clients.finish()

    assert done["erasure"]["state"] == "STATE_DONE"
    assert done["erasure"]["distinctIdCount"] == 3
    assert all(int(store.get("after", 0)) == 0 for store in done["erasure"]["stores"])
    assert pug.settled_total("lived", clients.bobs) == clients.bobs
    time.sleep(0.5)
    assert pug.total("lived") == clients.bobs
    schema = pug.call("insights.v1.InsightsService/GetSchema", {})
    assert [event["count"] for event in schema["events"]] == [str(clients.bobs)]
    assert pug.answer(f"{PROFILES}/GetPerson", {"externalId": "zoe"})[0] == 404
    assert pug.answer(f"{PROFILES}/Identify", {"distinctId": "zoe-phone", "externalId": "new"}, key=pug.notes["write_key"])[0] == 400
    assert pug.stop() == 0


def finished(pug: PugProcess, erasure_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while True:
        found = pug.call(f"{PROFILES}/GetErasure", {"id": erasure_id})
        if found["erasure"]["state"] in {"STATE_DONE", "STATE_FAILED"} or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
