"""The folder an export is written into: nobody else can read it, and what is not whole does not stay."""

import hashlib
import json
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from app.cli.client import CliError, UsageError
from pug.profiles.v1.data_export_pb2 import ExportPiece

_MANIFEST = "manifest.json"
_ONLY_MINE = 0o700
# A server must not choose where files go.
_NAME = re.compile(r"[a-z][a-z_]{0,40}\.(nd)?json")


@dataclass(slots=True)
class Written:
    """One file."""

    name: str
    file: BinaryIO
    lines: int = 0
    bytes: int = 0
    sha256: str = ""


class ExportFolder:
    """Files under their names."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, Written] = {}

    def take(self, piece: ExportPiece) -> None:
        """Append a piece to its file."""
        written = self._written.get(piece.name) or self._open(piece.name)
        written.file.write(piece.content)
        written.lines += piece.content.count(b"\n")
        written.bytes += len(piece.content)

    def checked(self) -> Sequence[Written]:
        """The files, if they are what the manifest says."""
        self.close()
        for written in self._written.values():
            # Of what is on the disk now.
            with (self._path / written.name).open("rb") as file:
                written.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _MANIFEST not in self._written:
            raise _not_whole("it ended without a manifest")
        try:
            manifest = json.loads((self._path / _MANIFEST).read_bytes())
            said = {str(part["name"]): str(part["sha256"]) for part in manifest["parts"]}
        except (ValueError, KeyError, TypeError) as error:
            raise _not_whole("the manifest cannot be read") from error
        for name in sorted({*said, *self._written} - {_MANIFEST}):
            if name not in self._written or said.get(name) != self._written[name].sha256:
                raise _not_whole(f"{name} has not the SHA-256 of the manifest")
        return list(self._written.values())

    def close(self) -> None:
        """Close every file."""
        for written in self._written.values():
            written.file.close()

    def discard(self) -> None:
        """Delete every file."""
        self.close()
        for name in self._written:
            (self._path / name).unlink(missing_ok=True)

    def _open(self, name: str) -> Written:
        if not _NAME.fullmatch(name):
            raise _not_whole("the server names a file in a way it must not")
        descriptor = os.open(self._path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._written[name] = written = Written(name, cast("BinaryIO", os.fdopen(descriptor, "wb")))
        return written


@contextmanager
def export_folder(path: Path) -> Generator[ExportFolder]:
    """An empty folder that only its owner can read. When the body raises, what was written is deleted, and a folder made here, too."""
    made = not path.exists()
    if not made and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is not an empty folder.", "Name one that isn't there yet.")
    path.mkdir(mode=_ONLY_MINE, parents=True, exist_ok=True)
    # Where it was there before, others may have been able to.
    path.chmod(_ONLY_MINE)
    folder = ExportFolder(path)
    try:
        yield folder
    except BaseException:
        folder.discard()
        if made:
            with suppress(OSError):
                path.rmdir()
        raise


def _not_whole(why: str) -> CliError:
    return CliError(f"What came is not whole: {why}. Nothing of it was kept.", "Run the same command again.")
