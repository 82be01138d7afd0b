"""All of Pug on a disk that fills up: what was accepted is kept, the rest is refused with the reason, and room is all it needs."""

import os
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from pug_process import PugProcess

CAPTURE = "capture.v1.CaptureService/Capture"
MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", folder], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


class Sender:
    """Sends batches, and counts what is accepted."""

    def __init__(self, pug: PugProcess) -> None:
        self.pug = pug
        self.accepted = 0
        self.refusals: list[str] = []

    def send(self) -> bool:
        events = [{"name": "bought", "distinctId": f"u{number}", "properties": {"note": os.urandom(200).hex()}} for number in range(500)]
        status, answer = self.pug.answer(CAPTURE, {"events": events})
        self.accepted += answer.get("accepted", 0)
        if status != 200:
            self.refusals.append(answer["message"])
        return status == 200

    def until(self, *, accepted: bool, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.send() == accepted:
                return True
            if accepted:
                time.sleep(0.2)
        return False

    def settled(self) -> int:
        return self.pug.settled_total("bought", self.accepted, within_s=90)


def fill(disk: Path, leaving: int) -> Path:
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * max(0, psutil.disk_usage(str(disk)).free - leaving))
    return ballast


def test_a_disk_that_is_nearly_full_refuses_events_and_answers_questions(disk: Path) -> None:
    pug = PugProcess(disk / "data", {"PUG_DISK_RESERVE_BYTES": str(100 * MIB)})
    pug.start()
    sender = Sender(pug)
    assert sender.send()

    ballast = fill(disk, leaving=120 * MIB)
    refused = sender.until(accepted=False, within_s=60)
    stored = sender.settled()
    ballast.unlink()

    assert (refused, stored) == (True, sender.accepted)
    assert "The disk of the event stream is nearly full; nothing was accepted." in sender.refusals[0]
    assert sender.send()
    assert sender.settled() == sender.accepted
    assert pug.stop() == 0


def test_a_disk_that_others_fill_to_the_last_byte_loses_nothing_and_is_enough_again_once_there_is_room(disk: Path) -> None:
    pug = PugProcess(disk / "data", {"PUG_DISK_RESERVE_BYTES": "0"})
    pug.start()
    sender = Sender(pug)
    assert sender.send()

    ballast = fill(disk, leaving=4 * MIB)
    refused = sender.until(accepted=False, within_s=60)
    ballast.unlink()
    again = sender.until(accepted=True, within_s=90)

    assert (refused, again) == (True, True)
    assert sender.settled() == sender.accepted
    assert pug.stop() == 0
