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
# names, while a rollup is filled, between two rollups, between two streams.
KILLED_AT = (12, 57, 63, 19, 28, 28, 18, 27)


def upgraded(folder: Path, *arguments: object) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
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
    assert {"0002_people", "0005_people", *(rollup.name for rollup in rollups())} <= set(before["states"]["missing"])
    assert "EVENTS" in before["states"]["outdated"]
    assert before["events"] == STORED
    assert set(killed) == {-signal.SIGKILL}
    assert [after["states"][state] for state in ("missing", "outdated", "unknown")] == [[], [], []]
    assert after["again"] == []
    assert {name for name, _ in scripts()} <= set(after["states"]["applied"])
    assert after["orgs"] == ["acme"]
    assert after["events"] > before["events"]
    counts = ("ids", "schema_events", "schema_properties", "activity_hours", "totals_hours", "session_hours")
    assert {name: after[name] for name in counts} == dict.fromkeys(counts, after["events"])
    assert after["active_days"] == after["days"]


def test_a_backup_of_long_ago_is_restored_as_it_was_and_upgraded_there(tmp_path: Path) -> None:
    before = upgraded(tmp_path / "origin", "old")
    copy = tmp_path / "copy"

    taken = pug(tmp_path / "origin" / "data", "backup", str(tmp_path / "backup"))
    restored = pug(copy / "data", "restore", str(tmp_path / "backup"))
    status = pug(copy / "data", "migrate", "--status", "--json")
    after = upgraded(copy, "new")

    assert (taken.returncode, restored.returncode, status.returncode) == (0, 0, 1), (taken.stderr, restored.stderr, status.stderr)
    behind = {each["name"] for each in json.loads(status.stdout) if each["state"] in {"missing", "outdated"}}
    assert behind == {*before["states"]["missing"], *before["states"]["outdated"]}
    assert (after["states"]["missing"], after["orgs"]) == ([], ["acme"])
    assert after["events"] == after["ids"] > before["events"]


def pug(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PUG_DATA_DIR": str(data)}
    command = [str(Path(sys.executable).with_name("pug")), *arguments]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
