"""Accepted means durable, and counted once: whatever is killed, whenever."""

import contextlib
import random
import threading
import time
import uuid
from http.client import HTTPException
from pathlib import Path

import psutil

from pug_process import PugProcess

KILLS = 5
BATCH = 50


class Sender(threading.Thread):
    """Sends batches under load and repeats each, under the same ids, until it has a receipt."""

    def __init__(self, pug: PugProcess) -> None:
        super().__init__(daemon=True)
        self._pug = pug
        self._done = threading.Event()
        self.accepted: set[str] = set()

    def run(self) -> None:
        while not self._done.is_set():
            ids = [str(uuid.uuid4()) for _ in range(BATCH)]
            body = {
                "events": [
                    {"eventId": event_id, "name": "pressed", "distinctId": f"u{n}", "properties": {"n": n}}
                    for n, event_id in enumerate(ids)
                ]
            }
            while not self._receipt(body):
                time.sleep(0.05)
            self.accepted.update(ids)

    def _receipt(self, body: object) -> bool:
        try:
            status, _ = self._pug.answer("capture.v1.CaptureService/Capture", body)
        except (OSError, HTTPException, ValueError):
            return False
        return status == 200

    def finish(self) -> None:
        self._done.set()
        self.join(60)


def test_killing_everything_five_times_under_load_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data", {"PUG_BLOCK_WAIT_MS": "50"})
    pug.start()
    senders = [Sender(pug) for _ in range(3)]
    for sender in senders:
        sender.start()

    for _ in range(KILLS):
        time.sleep(random.uniform(0.3, 2.0))
        pug.kill()
        pug.start()
    time.sleep(0.5)
    for sender in senders:
        sender.finish()

    accepted = len(set[str]().union(*(sender.accepted for sender in senders)))
    assert accepted > 0
    assert pug.settled_total("pressed", accepted) == accepted
    time.sleep(1)
    assert pug.total("pressed") == accepted
    schema = pug.call("insights.v1.InsightsService/GetSchema", {})
    assert [event["count"] for event in schema["events"]] == [str(accepted)]
    assert pug.stop() == 0


def test_killing_the_parent_leaves_no_servers_behind_and_the_next_start_has_everything(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data")
    pug.start()
    pug.call("capture.v1.CaptureService/Capture", {"events": [{"name": "pressed", "distinctId": "ann"}]})
    keys = pug.notes

    tree = pug.kill(whole_tree=False)
    _, alive = psutil.wait_procs(tree, timeout=10)
    pug.start()

    assert not alive
    assert pug.notes["write_key"] == keys["write_key"]
    assert pug.settled_total("pressed", 1) == 1
    assert pug.stop() == 0


def test_ctrl_c_ends_everything_and_stores_what_was_accepted_last(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data")
    pug.start()
    tree = pug.tree()
    pug.call("capture.v1.CaptureService/Capture", {"events": [{"name": "pressed", "distinctId": "ann"}]})

    assert pug.stop() == 0

    _, alive = psutil.wait_procs(tree, timeout=5)
    assert not alive
    pug.start()
    assert pug.settled_total("pressed", 1) == 1
    assert pug.stop() == 0


def test_an_engine_that_dies_alone_is_started_again_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    pug = PugProcess(tmp_path / "data")
    pug.start()
    sent = accepted = 0

    for server in ("nats-server", "postgres", "nats-server"):
        engine = engine_of(pug, server)
        assert engine
        engine.kill()
        deadline, enough = time.monotonic() + 60, accepted + 40
        while accepted < enough or not engine_of(pug, server):
            assert time.monotonic() < deadline, f"{server} died, and {accepted} of {sent} events were accepted"
            status, _ = pug.answer("capture.v1.CaptureService/Capture", {"events": [{"name": "pressed", "distinctId": "ann"}]})
            sent += 1
            accepted += status == 200
            time.sleep(0.05)

    # An event whose receipt was lost with the stream's server may be stored all the same.
    assert accepted <= pug.settled_total("pressed", accepted) <= sent
    assert pug.stop() == 0


def engine_of(pug: PugProcess, server: str) -> psutil.Process | None:
    """The server of that name that runs for it now."""
    parent, *processes = pug.tree()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == server and process.ppid() == parent.pid and process.status() != psutil.STATUS_ZOMBIE:
                return process
    return None
