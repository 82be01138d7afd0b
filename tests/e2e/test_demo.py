"""A first start tells a demo beside the first project, and `pug seed` another."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pug_process import PugProcess

TRENDS: dict[str, object] = {"insight": {"trends": {"series": [{}]}}, "preset": "PRESET_LAST_12_MONTHS", "granularity": "GRANULARITY_MONTH"}


def total(pug: PugProcess, key: str) -> int:
    series = pug.call("insights.v1.InsightsService/Query", TRENDS, key=key)["trends"]["series"]
    return int(sum(series[0]["values"])) if series else 0


def until(pug: PugProcess, key: str, expected: int, within_s: float = 60) -> int:
    deadline = time.monotonic() + within_s
    while (found := total(pug, key)) < expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def boards(pug: PugProcess, key: str) -> list[str]:
    found = pug.call("dashboards.v1.DashboardsService/ListDashboards", {}, key=key)
    return [board["name"] for board in found["dashboards"]]


@pytest.fixture
def started(tmp_path: Path) -> PugProcess:
    return PugProcess(tmp_path / "data", {"PUG_DEMO_EVENTS": "2000"})


def test_a_demo_is_told_once_and_another_where_it_harms_nobody(started: PugProcess) -> None:
    started.start()
    try:
        demo = json.loads((started.data_dir / "demo.json").read_text())["secret_key"]
        assert until(started, demo, 2_000) == 2_000
        deadline = time.monotonic() + 30
        while not (started.data_dir / "demo.told").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert boards(started, demo) == ["Growth", "Revenue", "Website"]

        # Killed and started again it is not told again.
        started.kill()
        started.start()
        pug = Path(sys.executable).with_name("pug")
        seeded = subprocess.run(
            [pug, "seed", "--events", "3000", "--seed", "7", "--name", "Another", "--json"],
            env=os.environ | {"PUG_DATA_DIR": str(started.data_dir)},
            capture_output=True,
            check=True,
            timeout=120,
        )
        another = json.loads(seeded.stdout)["secret_key"]
        assert until(started, another, 3_000) == 3_000
        assert boards(started, another) == ["Growth", "Revenue", "Website"]
        assert total(started, demo) == 2_000
        assert total(started, started.notes["secret_key"]) == 0
    finally:
        started.stop()
