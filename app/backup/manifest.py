"""What a backup says of itself: by which Pug it was made, up to where it goes, and the checksum of every file."""

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.errors import BackupInvalid

MANIFEST = "manifest.json"
# Of the manifest itself; it is written last, so a backup without it is none.
SEAL = "manifest.sha256"
BACKUP_FORMAT = 1
_CHUNK_BYTES = 2**20
_HINT = "Take another backup: this one is damaged, or was changed after it was made."


class Watermark(msgspec.Struct, frozen=True):
    """Up to where it goes: every event accepted before the instant is in it once, stored or waiting in the stream."""

    accepted_until: datetime
    stream_sequence: int
    stored_events: int
    waiting_messages: int


class StreamState(msgspec.Struct, frozen=True):
    """What a stream holds."""

    messages: int
    first_seq: int
    last_seq: int


class FileState(msgspec.Struct, frozen=True):
    """The size and the SHA-256 of a file, in hexadecimal."""

    bytes: int
    sha256: str


class Schema(msgspec.Struct, frozen=True):
    """The migrations that had been applied; ClickHouse's with when."""

    postgres: str
    clickhouse: dict[str, datetime]
    jetstream: int


class Manifest(msgspec.Struct, frozen=True):
    """A backup's description."""

    format: int
    pug: str
    made_at: datetime
    watermark: Watermark
    schema: Schema
    # Rows of each table of PostgreSQL.
    rows: dict[str, int]
    streams: dict[str, StreamState]
    files: dict[str, FileState]

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(file.bytes for file in self.files.values())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, and after it the seal."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    write_private(folder / MANIFEST, content)
    write_private(folder / SEAL, hashlib.sha256(content).hexdigest().encode() + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a whole backup of a form this version reads."""
    try:
        content, seal = (folder / MANIFEST).read_bytes(), (folder / SEAL).read_text()
    except OSError as error:
        raise BackupInvalid(
            f"{folder} is no backup: {error.filename} cannot be read: {error.strerror}.",
            hint="Name the folder that `pug backup` made, as the account that made it.",
        ) from error
    if hashlib.sha256(content).hexdigest() != seal.strip():
        raise BackupInvalid(f"{folder / MANIFEST} is not as it was written.", hint=_HINT)
    try:
        form = msgspec.json.decode(content, type=dict[str, object]).get("format")
        if form == BACKUP_FORMAT:
            return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupInvalid(f"{folder / MANIFEST} cannot be read: {error}.", hint=_HINT) from error
    raise BackupInvalid(
        f"{folder} has the format {form}, and this version of Pug reads {BACKUP_FORMAT}.", hint="Restore it with a newer Pug."
    )


def check_files(folder: Path, files: Mapping[str, FileState], checked: Callable[[int], None]) -> None:
    """Refuses a backup of which a file is missing or not as it was written; says how many bytes more are checked."""
    for name, written in files.items():
        if Path(name).name != name:
            raise BackupInvalid(f"{folder} names a file outside of it: {name}.", hint=_HINT)
        try:
            found = state_of_file(folder / name, checked)
        except OSError as error:
            raise BackupInvalid(f"{folder / name} cannot be read: {error.strerror}.", hint=_HINT) from error
        if found != written:
            raise BackupInvalid(f"{folder / name} is not as it was written.", hint=_HINT)


def state_of_file(path: Path, read: Callable[[int], None]) -> FileState:
    """A file's size and checksum; says how many bytes more are read."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            read(len(chunk))
    return FileState(size, digest.hexdigest())


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner can read, on the disk when this returns."""
    with new_private(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def new_private(path: Path) -> BinaryIO:
    """A file to be written that wasn't there, and that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
