"""Remembers how far an import came, so that the next one goes on from there."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.cli.client import CliError
from app.cli.importing.records import START, Position

_VERSION = 1
_PART = 2**20


class Warned(msgspec.Struct, frozen=True):
    """How many accepted events had a warning of one reason, and what it said of one of them."""

    events: int
    message: str


class Totals(msgspec.Struct, frozen=True):
    """How many events had which fate."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    warnings: dict[str, Warned] = {}

    def plus(self, other: "Totals") -> "Totals":
        """Both together."""
        warnings = self.warnings | {
            reason: Warned(warned.events + (before.events if (before := self.warnings.get(reason)) else 0), warned.message)
            for reason, warned in other.warnings.items()
        }
        return Totals(self.accepted + other.accepted, self.duplicates + other.duplicates, self.rejected + other.rejected, warnings)


class Journey(msgspec.Struct, frozen=True):
    """Which import it is: what is read, how, and where it goes. A checkpoint of another one is not gone on from."""

    sha256: str
    size: int
    destination: str
    flags: str


class Checkpoint(msgspec.Struct, frozen=True):
    """Every batch up to `position` is acknowledged; the rejects file was `rejects_bytes` long then."""

    journey: Journey
    position: Position = START
    totals: Totals = Totals()
    rejects_bytes: int = 0
    version: int = _VERSION


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint at a path; None when there is none that can be read."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Checkpoint)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if found.version == _VERSION else None


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint, whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    try:
        draft.write_bytes(msgspec.json.encode(checkpoint))
        draft.replace(path)
    except OSError as error:
        raise CliError(f"The checkpoint {path} cannot be written: {error.strerror}.", "Say with --checkpoint where it can be.") from error


def sha256_of(path: Path, size: int, advance: Callable[[int], None]) -> str:
    """The SHA-256 of a file's first `size` bytes; `advance` hears of each part that is done."""
    digest = hashlib.sha256()
    left = size
    with path.open("rb") as file:
        while left > 0 and (part := file.read(min(_PART, left))):
            digest.update(part)
            left -= len(part)
            advance(len(part))
    return digest.hexdigest()


def fingerprint(*parts: str) -> str:
    """A short name for these texts, from which they can't be told."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def require_writable(path: Path, option: str) -> None:
    """Refuses a folder that cannot be written to before any work is done."""
    if not os.access(path.parent, os.W_OK):
        raise CliError(f"{path.parent} cannot be written to.", f"Say with {option} where {path.name} can be.")
