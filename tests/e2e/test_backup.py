"""A backup taken while events come in, restored elsewhere: the same answers, and every event once."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pug_process import PugProcess

CAPTURE = "capture.v1.CaptureService/Capture"
QUERY = "insights.v1.InsightsService/Query"
BATCH = 20
PUG = Path(sys.executable).with_name("pug")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNED_UP, BOUGHT = {"event": {"name": "signed_up"}}, {"event": {"name": "bought"}}
INSIGHTS: dict[str, dict[str, Any]] = {
    "trends": {"series": [SIGNED_UP | {"metric": {"kind": "KIND_PERSONS"}}], "breakdowns": [{"property": "plan"}]},
    "segmentation": {"series": [SIGNED_UP, BOUGHT], "breakdowns": [{"property": "plan"}]},
    "funnel": {"steps": [SIGNED_UP, BOUGHT]},
    "retention": {"start": {"name": "signed_up"}, "return": {"name": "bought"}},
    "stickiness": {"event": {"name": "bought"}},
    "lifecycle": {"event": {"name": "bought"}},
    "flow": {"unit": "UNIT_PERSON"},
    "topK": {"dimension": "DIMENSION_EVENT_NAME"},
    "sessions": {},
}


class Sender(threading.Thread):
    """Sends numbered batches one after the other, and keeps what was accepted when."""

    def __init__(self, pug: PugProcess, key: str) -> None:
        super().__init__(daemon=True)
        self._pug, self._key = pug, key
        self._done = threading.Event()
        self.accepted: list[tuple[datetime, dict[str, object]]] = []

    def run(self) -> None:
        while not self._done.is_set():
            number = len(self.accepted)
            body: dict[str, object] = {
                "events": [
                    {"eventId": str(uuid.uuid4()), "name": "pressed", "distinctId": f"u{n}", "properties": {"batch": number}}
                    for n in range(BATCH)
                ]
            }
            receipt = self._pug.call(CAPTURE, body, key=self._key)
            assert receipt["accepted"] == BATCH
            self.accepted.append((datetime.now(UTC), body))
            time.sleep(0.02)

    def finish(self) -> None:
        self._done.set()
        self.join(60)


@pytest.fixture
def folders() -> Iterator[list[PugProcess]]:
    started: list[PugProcess] = []
    yield started
    for pug in started:
        if pug.process and pug.process.poll() is None:
            pug.kill()


def pug_on(folders: list[PugProcess], data: Path) -> PugProcess:
    folders.append(PugProcess(data, {"PUG_BLOCK_WAIT_MS": "50"}))
    folders[-1].start()
    return folders[-1]


def command(data: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PUG_DATA_DIR": str(data)}
    return subprocess.run([PUG, *map(str, arguments)], check=False, env=environment, capture_output=True, text=True, timeout=180)


def answered(data: Path, *arguments: object) -> dict[str, Any]:
    done = command(data, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tell_a_story(pug: PugProcess) -> None:
    """Forty people over three weeks, some of them known by two ids."""
    events: list[dict[str, object]] = []
    for person in range(40):
        at = START + timedelta(hours=11 * person)
        events.append(happening("signed_up", f"anon-{person}", at, plan="pro" if person % 3 else "free"))
        events += [happening("bought", f"user-{person}", at + timedelta(days=day), amount=person) for day in range(1, 2 + person % 5)]
    pug.call(CAPTURE, {"events": events})
    for person in range(0, 40, 2):
        pug.call(
            "profiles.v1.ProfilesService/Identify",
            {"distinctId": f"anon-{person}", "externalId": f"user-{person}", "traits": {"vip": person % 4 == 0}},
            key=pug.notes["write_key"],
        )


def happening(name: str, distinct_id: str, at: datetime, **properties: object) -> dict[str, object]:
    return {"eventId": str(uuid.uuid4()), "name": name, "distinctId": distinct_id, "occurredAt": at.isoformat(), "properties": properties}


def answers(pug: PugProcess) -> dict[str, Any]:
    """What is said of the story by every kind of insight, without what is about the query itself."""
    span = {"from": START.date().isoformat() + "T00:00:00Z", "to": (START.date() + timedelta(days=60)).isoformat() + "T00:00:00Z"}
    told: dict[str, Any] = {}
    for kind, insight in INSIGHTS.items():
        answer = pug.call(QUERY, {"insight": {kind: insight}, "timeRange": span, "granularity": "GRANULARITY_DAY"})
        meta = answer.pop("meta")
        told[kind] = (answer, meta["source"], meta.get("identityVersion"))
    return told


def pressed(pug: PugProcess, key: str, batches: int | None = None, *, raw: bool = False) -> int:
    """How many were pressed, in the first so many batches; from a rollup, unless asked of the events."""
    filters = [{"property": "batch", "op": "OP_LT", "values": [batches]}] if batches is not None else []
    filters += [{"property": "batch", "op": "OP_GTE", "values": [0]}] if raw else []
    series = {"event": {"name": "pressed", "filters": filters}}
    answer = pug.call(QUERY, {"insight": {"trends": {"series": [series]}}, "preset": "PRESET_LAST_7_DAYS"}, key=key)
    found = answer["trends"]["series"]
    return int(sum(found[0]["values"])) if found else 0


def settled(pug: PugProcess, key: str, expected: int) -> int:
    deadline = time.monotonic() + 60
    while (found := pressed(pug, key)) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def accepted_before(sender: Sender, watermark: str) -> int:
    until = datetime.fromisoformat(watermark)
    return sum(at < until for at, _ in sender.accepted)


def sent_again(pug: PugProcess, key: str, batches: Sequence[tuple[datetime, dict[str, object]]]) -> None:
    for _, body in batches:
        pug.call(CAPTURE, body, key=key)


def test_a_backup_under_load_restored_elsewhere_answers_the_same_and_has_every_event_once(
    folders: list[PugProcess], tmp_path: Path
) -> None:
    origin, copy, backup = tmp_path / "origin", tmp_path / "copy", tmp_path / "backups" / "one"
    pug = pug_on(folders, origin)
    pressing = answered(origin, "projects", "create", "Pressed")
    read, write = pressing["secret_key"], pressing["write_key"]
    tell_a_story(pug)
    sender = Sender(pug, write)
    sender.start()
    time.sleep(2)

    manifest = answered(origin, "backup", backup)
    time.sleep(1)
    sender.finish()
    expected = answers(pug)
    refused = command(origin, "restore", backup)
    answered(copy, "restore", backup)
    restored = pug_on(folders, copy)

    whole = accepted_before(sender, manifest["watermark"]["accepted_until"])
    assert 0 < whole < len(sender.accepted)
    assert (refused.returncode, "is not empty" in refused.stderr) == (1, True)
    assert {path.stat().st_mode & 0o777 for path in backup.iterdir()} == {0o600}
    assert backup.stat().st_mode & 0o777 == 0o700
    assert not [path for path in backup.iterdir() if "SALT" in path.name or "COOKIELESS" in path.name]
    assert restored.notes["write_key"] == pug.notes["write_key"]
    # What was accepted and not stored is stored now.
    deadline = time.monotonic() + 60
    while pressed(restored, read, whole) < whole * BATCH and time.monotonic() < deadline:
        time.sleep(0.2)
    assert pressed(restored, read, whole) == whole * BATCH
    assert pressed(restored, read) == pressed(restored, read, raw=True)
    assert answers(restored) == expected

    # Who isn't sure sends everything again.
    sent_again(restored, write, sender.accepted)
    everything = len(sender.accepted) * BATCH
    assert settled(restored, read, everything) == everything
    restored.kill()
    restored.start()
    assert settled(restored, read, everything) == everything
    assert pressed(restored, read, raw=True) == everything
    schema = restored.call("insights.v1.InsightsService/GetSchema", {}, key=read)
    assert [event["count"] for event in schema["events"]] == [str(everything)]
    assert answers(restored) == expected
    assert restored.stop() == 0
    assert pug.stop() == 0


def test_a_pug_that_was_killed_is_backed_up_without_it_and_what_is_damaged_is_refused(folders: list[PugProcess], tmp_path: Path) -> None:
    origin, copy, backup = tmp_path / "origin", tmp_path / "copy", tmp_path / "backup"
    pug = pug_on(folders, origin)
    write, read = pug.notes["write_key"], pug.notes["secret_key"]
    sender = Sender(pug, write)
    sender.start()
    time.sleep(1)
    # Its last call fails, and whether that was accepted is not known.
    sender.finish()
    sent_again(pug, write, sender.accepted[:3])
    pug.kill()

    answered(origin, "backup", backup)
    again = command(origin, "backup", backup)
    damaged = tmp_path / "damaged"
    shutil.copytree(backup, damaged)
    with (damaged / "clickhouse.tar").open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"!")
    refused = command(copy, "restore", damaged)
    restoring = subprocess.Popen([PUG, "restore", str(backup)], env=os.environ | {"PUG_DATA_DIR": str(copy)}, stderr=subprocess.DEVNULL)
    while not (copy / "restoring").exists():
        assert restoring.poll() is None
        time.sleep(0.01)
    restoring.kill()
    restoring.wait(10)
    half = command(copy, "dev")
    answered(copy, "restore", backup)
    restored = pug_on(folders, copy)

    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert (refused.returncode, "clickhouse.tar is not as it was written" in refused.stderr) == (1, True)
    assert (half.returncode, "was interrupted" in half.stderr) == (1, True)
    everything = len(sender.accepted) * BATCH
    assert settled(restored, read, everything) == everything
    assert pressed(restored, read, raw=True) == everything
    assert restored.stop() == 0
