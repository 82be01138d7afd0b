import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from core.room import Room


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_it_is_out_below_the_reserve_and_back_a_little_above_it_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([100, 80, 79, 79, 80, 89, 90, 80])

    def disk_usage(_: Path) -> Usage:
        return Usage(1_000, 0, next(free))

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    room = Room(tmp_path, 80)

    with capture_logs() as logs:
        left = [room.left() for _ in range(8)]

    assert left == [True, True, False, False, False, False, True, True]
    assert [(line["event"], line["free_bytes"]) for line in logs] == [("disk_nearly_full", 79), ("disk_has_room", 90)]


def test_it_is_the_disk_of_the_folder_that_counts(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    assert Room(tmp_path, free // 2).left()
    assert not Room(tmp_path, free * 2).left()
