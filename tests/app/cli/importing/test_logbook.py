import json
from pathlib import Path

import pytest

from app.cli.importing.batches import Batch, Entry, Reject
from app.cli.importing.checkpoint import Checkpoint, Journey, Totals, read_checkpoint, sha256_of
from app.cli.importing.logbook import Logbook
from app.cli.importing.records import Position
from app.cli.importing.sending import Outcome

JOURNEY = Journey("ab" * 32, 1000, "project", "flags")


def batch(line: int) -> Batch:
    return Batch(Position(line * 10, line), [Entry(line, b"{}", b"raw")])


def reject(line: int) -> Reject:
    return Reject(line, "NAME_MISSING", "name", "Give a name.", b"raw \xff")


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "f.pug-import.json", tmp_path / "f.rejects.ndjson"


def test_an_import_goes_on_from_where_its_checkpoint_says(paths: tuple[Path, Path]) -> None:
    first = Logbook(JOURNEY, *paths, None)
    first.record(batch(1), Outcome(Totals(accepted=1)))
    first.record(batch(2), Outcome(Totals(rejected=1), [reject(2)]))
    first.save()

    resumed = Logbook(JOURNEY, *paths, read_checkpoint(paths[0]))

    assert resumed.position == Position(20, 2)
    assert resumed.totals == Totals(accepted=1, rejected=1)


def test_rejects_written_after_the_checkpoint_are_written_once(paths: tuple[Path, Path]) -> None:
    first = Logbook(JOURNEY, *paths, None)
    first.record(batch(1), Outcome(Totals(rejected=1), [reject(1)]))
    first.save()
    kept = read_checkpoint(paths[0])
    first.record(batch(2), Outcome(Totals(rejected=1), [reject(2)]))

    Logbook(JOURNEY, *paths, kept).record(batch(2), Outcome(Totals(rejected=1), [reject(2)]))

    assert [json.loads(line)["line"] for line in paths[1].read_text().splitlines()] == [1, 2]


def test_a_rejects_file_appears_only_with_its_first_reject(paths: tuple[Path, Path]) -> None:
    logbook = Logbook(JOURNEY, *paths, None)
    logbook.record(batch(1), Outcome(Totals(accepted=1)))
    assert not paths[1].exists()

    logbook.record(batch(2), Outcome(Totals(rejected=1), [reject(2)]))

    assert json.loads(paths[1].read_text()) == {
        "line": 2,
        "reason": "NAME_MISSING",
        "field": "name",
        "message": "Give a name.",
        "original": "raw \ufffd",
    }


def test_a_finished_import_leaves_no_checkpoint(paths: tuple[Path, Path]) -> None:
    logbook = Logbook(JOURNEY, *paths, None)
    logbook.record(batch(1), Outcome(Totals(accepted=1)))
    logbook.save()

    logbook.close()

    assert not paths[0].exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"journey":{}}', b"[]"])
def test_a_checkpoint_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)

    assert read_checkpoint(tmp_path / "c") is None
    assert read_checkpoint(tmp_path / "missing") is None
    assert Checkpoint(JOURNEY).position == Position(0, 0)


def test_the_identity_of_a_file_is_its_content_as_far_as_it_went_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    before = sha256_of(path, 3, lambda _: None)
    path.write_bytes(b"abcdef")

    assert sha256_of(path, 3, lambda _: None) == before
    assert sha256_of(path, 6, lambda _: None) != before
