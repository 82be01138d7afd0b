import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]

REPOSITORY = Path(__file__).parents[3]
KINDS = ["trends", "segmentation", "funnel", "retention", "stickiness", "lifecycle", "flow", "top-k", "sessions"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["dev"],
        ["import"],
        ["query"],
        *(["query", kind] for kind in KINDS),
        ["schema"],
        ["doctor"],
        ["dashboards"],
        ["dashboards", "list"],
        ["dashboards", "export"],
        ["dashboards", "import"],
        ["dashboards", "render"],
        ["keys"],
        ["keys", "create"],
        ["keys", "list"],
        ["keys", "revoke"],
        ["status"],
        ["dead"],
        ["dead", "list"],
        ["dead", "show"],
        ["dead", "replay"],
        ["dead", "drop"],
        ["backup"],
        ["restore"],
        ["migrate"],
    ],
)
def test_every_command_explains_itself(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"pug {tomllib.loads((REPOSITORY / 'pyproject.toml').read_text())['project']['version']}\n"


@pytest.mark.parametrize(
    "command", [["schema"], ["query", "trends"], ["keys", "list"], ["import", __file__, "--format", "ndjson"], ["schema", "--json"]]
)
def test_without_a_server_there_is_one_line_with_the_fix(run: Run, command: list[str]) -> None:
    result = run(*command)

    assert result.exit_code == 1
    assert not result.stdout
    assert result.stderr.count("\n") == 1
    assert "`pug dev`" in result.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_where_no_pug_has_run_there_are_no_migrations_to_tell_of(run: Run, tmp_path: Path, form: list[str]) -> None:
    result = run("migrate", "--status", *form)

    assert result.exit_code == 1
    assert not result.stdout
    assert (
        result.stderr
        == f"error: No Pug has run in {tmp_path / 'nothing'}: there is nothing to tell of. Say by PUG_DATA_DIR where its data is.\n"
    )


def test_a_server_that_does_not_answer_is_told_at_once(run: Run, tmp_path: Path) -> None:
    events = tmp_path / "e.ndjson"
    events.write_text("{}\n")

    for command in (["schema"], ["import", str(events)]):
        result = run(*command, "--url", "http://127.0.0.1:9", "--key", "k")

        assert result.exit_code == 1
        assert "No Pug answers at http://127.0.0.1:9" in result.stderr
        assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["import", "missing.ndjson"], "There is no file"),
        (["import", "{txt}"], "--format"),
        (["import", "{txt}", "--format", "spaces"], "--columns"),
        (["import", "{txt}", "--format", "spaces", "--columns", "a,b", "--event", "x"], "--distinct-id"),
        (["import", "{txt}", "--format", "csv", "--event", "x"], "--distinct-id"),
        (["import", "{txt}", "--format", "csv", "--delimiter", "ab"], "--delimiter"),
        (["import", "{txt}", "--format", "ndjson", "--event", "x"], "NDJSON has no columns"),
        (["import", "{txt}", "--format", "ndjson", "--give-up-after", "long"], "5m"),
        (["import", "{txt}", "--format", "xml"], "xml"),
        (["query"], "pug query trends"),
        (["query", "--file", "missing.json"], "There is no file"),
        (["query", "trends", "--metric", "mode"], "median"),
        (["schema", "--url", "localhost", "--key", "k"], "http://localhost:8080"),
        (["keys", "create", "--kind", "write", "--scope", "read"], "--scope"),
        (["keys", "create"], "--kind"),
        (["erasure", "request"], "--external-id"),
        (["erasure", "request", "--external-id", "ann", "--distinct-id", "ann"], "Say who, by one id."),
        (["erasure", "request", "--external-id", "ann"], "--yes"),
        (["accounts", "create", "--email", "ada"], "ada@example.com"),
        (["accounts", "create", "--email", "ada@example.com", "--role", "king"], "viewer"),
    ],
)
def test_a_command_that_cannot_work_says_how_it_would(run: Run, tmp_path: Path, command: list[str], message: str) -> None:
    text = tmp_path / "e.txt"
    text.write_text("a,b\n1,2\n")

    result = run(*[part.replace("{txt}", str(text)) for part in command])

    assert result.exit_code == 2
    assert message in result.stderr
    assert not result.stdout


def test_a_setting_that_cannot_be_read_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_HTTP_PORT", "many")

    result = run("schema")

    assert result.exit_code == 1
    assert "PUG_HTTP_PORT" in result.stderr
    assert "Traceback" not in result.output


def test_a_dry_run_shows_what_lines_become_and_needs_no_server(run: Run) -> None:
    result = run(*CDNOW, "--dry-run")

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(events) == 5
    assert events[0]["distinctId"] == "0001"
    assert events[0]["properties"] == {"cds": 2, "dollars": 29.33}
    assert "Nothing was sent" in result.stderr


CDNOW = [
    "import",
    str(REPOSITORY / "tests/data/cdnow_sample.txt"),
    *["--format", "spaces", "--columns", "full_id,distinct_id,occurred_at,cds,dollars", "--time-format", "%Y%m%d"],
    *["--event", "purchase", "--property", "cds:number", "--property", "dollars:number"],
]
