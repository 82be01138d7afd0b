"""Whether engines are what this version needs."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import Result

from app.backends import Backends
from app.cli.doctor.agreement import Seen, check_agreement, check_clocks, check_schema, check_versions
from app.cli.doctor.checks import State
from app.migrate import postgres_head
from core.settings import Settings
from pug_process import PugProcess

Run = Callable[..., Result]


def seen(engine: str = "NATS", version: str = "2.15.1", ahead_s: float = 0) -> Seen:
    return Seen(engine, version, timedelta(seconds=ahead_s))


@pytest.mark.parametrize(
    ("engine", "version", "partitions", "state"),
    [
        ("NATS", "2.15.1", 4, State.GOOD),
        ("NATS", "2.11.9", 1, State.WARNING),
        ("NATS", "2.11.9", 2, State.BAD),
        ("PostgreSQL", "18.6", 1, State.GOOD),
        ("PostgreSQL", "19beta1", 1, State.GOOD),
        ("PostgreSQL", "16.2", 1, State.WARNING),
        ("ClickHouse", "26.9.1.12", 1, State.GOOD),
        ("ClickHouse", "25.12.3", 1, State.WARNING),
    ],
)
def test_an_engine_older_than_needed_is_told(engine: str, version: str, partitions: int, state: State) -> None:
    assert [each.state for each in check_versions([seen(engine, version)], partitions)] == [state]


@pytest.mark.parametrize(("ahead_s", "state"), [(0.2, State.GOOD), (-0.9, State.GOOD), (-3, State.WARNING), (90, State.BAD)])
def test_clocks_that_are_apart_are_told(ahead_s: float, state: State) -> None:
    found = check_clocks([seen(), seen("ClickHouse", "26.9", ahead_s)])

    assert (found.state, f"ClickHouse {ahead_s:+.1f} s" in found.found) == (state, True)


def test_a_schema_is_that_of_this_version_older_or_newer() -> None:
    found = [check_schema(revision) for revision in (postgres_head(), "", "9999_of_the_future", None)]

    assert [each.state for each in found] == [State.GOOD, State.BAD, State.BAD, State.SKIPPED]
    assert "pug migrate" in found[1].fix
    assert "newer" in found[2].fix


async def test_where_no_engine_runs_nothing_is_said(engine_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = engine_settings.model_copy(update={"data_dir": tmp_path_factory.mktemp("nothing") / "data"})

    assert {each.state for each in await check_agreement(nowhere)} == {State.SKIPPED}


async def test_engines_that_run_are_asked(backends: Backends, engine_settings: Settings) -> None:
    assert backends.folder.path.exists()

    found = {each.name: each for each in await check_agreement(engine_settings)}

    assert {name: each.state for name, each in found.items()} == dict.fromkeys(("versions", "clocks", "schema"), State.GOOD)
    assert found["schema"].found == postgres_head()


def test_a_running_pug_is_checked_with_its_clickhouse_and_its_metrics(run_with: Run, pug: PugProcess) -> None:
    result = run_with("doctor", "--json")

    found = {each["name"]: each for each in json.loads(result.stdout)}
    assert pug.notes["metrics_url"] in found["metrics port"]["found"]
    assert "ClickHouse 26." in found["versions"]["found"]
    assert {each["state"] for name, each in found.items() if name in {"permissions", "leftovers", "versions", "clocks", "schema"}} == {"ok"}
