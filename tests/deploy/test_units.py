"""The units of deploy/systemd."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.settings import Settings, setting_name

UNITS = sorted((Path(__file__).parents[2] / "deploy/systemd").glob("*.service"))
HARDENED = {
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "CapabilityBoundingSet=",
    "StateDirectory=pug",
}
each = pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])


def lines_of(unit: Path) -> set[str]:
    return {line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")}


def test_all_are_hardened_alike() -> None:
    after_the_limit = {unit.read_text().partition("LimitNOFILE")[2].partition("[Install]")[0].strip() for unit in UNITS}

    assert len(UNITS) == 4
    assert len(after_the_limit) == 1
    assert all(lines_of(unit) >= HARDENED for unit in UNITS)


@each
def test_its_settings_are_settings(unit: Path) -> None:
    given = set(re.findall(r"\b(PUG_\w+)=", unit.read_text()))

    assert given <= {setting_name(key) for key in Settings.model_fields}


@each
def test_it_is_given_longer_to_end_than_pug_takes(unit: Path) -> None:
    given = re.search(r"TimeoutStopSec=(\d+)", unit.read_text())

    assert "Type=oneshot" in unit.read_text() or (given and int(given[1]) > Settings.model_fields["shutdown_timeout_s"].default)


@each
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    # There is no /opt/pug here, and that is all that may be missing.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/pug/bin/pug", "/bin/true"))

    ran = subprocess.run(["systemd-analyze", "verify", copy], check=False, capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stderr) == (0, "")
