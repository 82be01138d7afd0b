"""A schema of long ago is upgraded while events come in, whatever is killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.migrate import rollups, scripts

SCRIPT = Path(__file__).with_name("upgrading.py")
ROOT = SCRIPT.parents[2]
# By upgrading.py under the old schema.
STORED = 20 * 50
# Among PostgreSQL's migrations, before they are committed, among ClickHouse's tables, before activity is counted, between a view's two
# names, while a rollup is filled, between two rollups.
KILLED_AT = (12, 57, 63, 19, 28, 28, 18)


def upgraded(folder: Path, *arguments: object) -> dict[str, Any]:
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}:{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_an_upgrade_that_is_killed_again_and_again_while_events_come_in_loses_and_doubles_none(tmp_path: Path) -> None:
    before = upgraded(tmp_path, "old")

    killed = [run(tmp_path, "new", step).returncode for step in KILLED_AT]
    after = upgraded(tmp_path, "new")

    assert before["states"]["unknown"] == []
    assert {"0002_people", "0005_people", *(rollup.name for rollup in rollups()), "EVENTS"} <= set(before["states"]["missing"])
    assert before["events"] == STORED
    assert set(killed) == {-signal.SIGKILL}
    assert (after["states"]["missing"], after["states"]["unknown"], after["again"]) == ([], [], [])
    assert {name for name, _ in scripts()} <= set(after["states"]["applied"])
    assert after["orgs"] == ["acme"]
    assert after["events"] > before["events"]
    counts = ("ids", "schema_events", "schema_properties", "activity_hours", "totals_hours", "session_hours")
    assert {after[name] for name in counts} == {after["events"]}
    assert after["active_days"] == after["days"]
