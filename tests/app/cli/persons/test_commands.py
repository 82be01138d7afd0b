"""`pug persons` against a running Pug, and against servers that hand over what they shouldn't."""

import json
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import Result

from app.cli.client import CliError
from app.cli.persons import command
from app.cli.persons.folder import export_folder
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectResponse, ExportPiece

Run = Callable[..., Result]
PARTS = {"person.json", "traits.ndjson", "events.ndjson", "sessions.ndjson", "dead_letters.ndjson", "manifest.json"}


def imported(run: Run, tmp_path: Path, who: str, events: int) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps({"name": "seen", "distinctId": who, "properties": {"n": n}}) + "\n" for n in range(events)))
    result = run("import", str(file))
    assert result.exit_code == 0, result.output


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_person_is_written_into_a_folder_only_its_owner_reads(run_with: Run, tmp_path: Path) -> None:
    imported(run_with, tmp_path, "exported-1", 50)
    folder = tmp_path / "there" / "u1"

    result = run_with("persons", "export", "exported-1", str(folder))

    assert result.exit_code == 0, result.output
    assert {file.name for file in folder.iterdir()} == PARTS
    assert {mode(folder), *(mode(file) for file in folder.iterdir())} == {0o700, 0o600}
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    assert sorted(event["properties"]["n"] for event in events) == list(range(50))
    (line,) = [line.split() for line in result.stdout.splitlines() if line.startswith("events.ndjson")]
    assert line[1] == "50"
    assert line[-1] in (folder / "manifest.json").read_text()


def test_a_folder_in_which_something_is_stays_as_it_is(run_with: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    full, file = run_with("persons", "export", "x", str(tmp_path)), run_with("persons", "export", "x", str(tmp_path / "mine.txt"))

    assert [result.exit_code for result in (full, file)] == [2, 2]
    assert "not an empty folder" in full.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_who_is_nobody_leaves_no_folder(run_with: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    unknown = run_with("persons", "export", f"nobody-{time.time_ns()}", str(tmp_path / "u3"), "--by", "external-id")
    into_empty = run_with("persons", "export", "none", str(tmp_path / "empty"), "--by", "person-id")

    assert (unknown.exit_code, unknown.stderr.count("\n")) == (1, 1)
    assert "no such person" in unknown.stderr
    assert into_empty.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def whole() -> list[ExportPiece]:
    return [
        ExportPiece(name="person.json", content=b"{}\n"),
        ExportPiece(
            name="manifest.json",
            content=json.dumps(
                {"parts": [{"name": "person.json", "sha256": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"}]}
            ).encode(),
        ),
    ]


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        (whole()[:1], "without a manifest"),
        ([ExportPiece(name="person.json", content=b"{ }\n"), *whole()[1:]], "person.json"),
        (whole()[1:], "person.json"),
        ([*whole(), ExportPiece(name="more.json", content=b"1")], "more.json"),
        ([ExportPiece(name="manifest.json", content=b"[]")], "cannot be read"),
        ([ExportPiece(name="manifest.json", content=b"\xff")], "cannot be read"),
        ([ExportPiece(name="../evil.json", content=b"{}")], "must not"),
        ([ExportPiece(name="/tmp/evil.json", content=b"{}")], "must not"),
    ],
)
def test_what_is_not_whole_is_told_and_not_kept(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[ExportPiece], why: str
) -> None:
    handed_over(monkeypatch, pieces)

    result = run("persons", "export", "ann", str(tmp_path / "u1"), "--url", "http://localhost:1", "--key", "sk_1")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
    assert why in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_whole_stays(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over(monkeypatch, whole())

    result = run("persons", "export", "ann", str(tmp_path / "u1"), "--url", "http://localhost:1", "--key", "sk_1", "--json")

    assert [(part["name"], part["lines"]) for part in json.loads(result.stdout)] == [("person.json", 1), ("manifest.json", 0)]


def handed_over(monkeypatch: pytest.MonkeyPatch, pieces: list[ExportPiece]) -> None:
    monkeypatch.setattr(command, "_asked", lambda _server, _request: iter([ExportDataSubjectResponse(piece=piece) for piece in pieces]))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]


def test_who_stops_it_keeps_nothing(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), export_folder(tmp_path / "u1") as folder:
        folder.take(ExportPiece(name="person.json", content=b"{}"))
        assert [file.name for file in (tmp_path / "u1").iterdir()] == ["person.json"]
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CliError), export_folder(Path(__file__)):
        pass
