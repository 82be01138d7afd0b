from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.backup.manifest import (
    MANIFEST,
    SEAL,
    FileState,
    Manifest,
    Schema,
    StreamState,
    Watermark,
    check_files,
    read_manifest,
    state_of_file,
    write_manifest,
)
from core.errors import BackupInvalid

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITTEN = Manifest(
    format=1,
    pug="1.2.3",
    made_at=NOON,
    watermark=Watermark(NOON, 7, 100, 2),
    schema=Schema("0001_accounts", {"0001_events": NOON}, 1),
    rows={"orgs": 1},
    streams={"EVENTS": StreamState(2, 6, 7)},
    files={},
)


def nothing(_count: int) -> None:
    pass


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path, WRITTEN)

    assert read_manifest(tmp_path) == WRITTEN
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("name", [MANIFEST, SEAL])
def test_without_its_manifest_or_its_seal_it_is_no_backup(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, WRITTEN)
    (tmp_path / name).unlink()

    with pytest.raises(BackupInvalid, match="is no backup"):
        read_manifest(tmp_path)


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, WRITTEN)
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes().replace(b"1.2.3", b"1.2.4"))

    with pytest.raises(BackupInvalid, match="not as it was written"):
        read_manifest(tmp_path)


def test_a_later_format_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    write_manifest(tmp_path, msgspec.structs.replace(WRITTEN, format=2))

    with pytest.raises(BackupInvalid, match="has the format 2"):
        read_manifest(tmp_path)


def test_a_file_that_is_missing_changed_or_shorter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    files = {"data": state_of_file(path, nothing)}
    read: list[int] = []
    check_files(tmp_path, files, read.append)

    for content in (b"0123456788", b"012345678", b"01234567890"):
        path.write_bytes(content)
        with pytest.raises(BackupInvalid, match="not as it was written"):
            check_files(tmp_path, files, nothing)
    path.unlink()
    with pytest.raises(BackupInvalid, match="cannot be read"):
        check_files(tmp_path, files, nothing)

    assert sum(read) == 10


def test_a_file_outside_of_the_backup_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"")
    inside = tmp_path / "backup"
    inside.mkdir()

    with pytest.raises(BackupInvalid, match="outside"):
        check_files(inside, {"../secret": FileState(0, "e3b0c442")}, nothing)
