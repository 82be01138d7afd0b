"""Writes down, while an import runs, what is done: the checkpoint and the rejected lines."""

import os
import time
from pathlib import Path

from app.cli.importing.batches import Batch, reject_line
from app.cli.importing.checkpoint import Checkpoint, Journey, Totals, write_checkpoint
from app.cli.importing.records import START, Position
from app.cli.importing.sending import Outcome

_SAVE_EVERY_S = 0.5


class Logbook:
    """How far an import is. Batches have to be recorded in the order of the file."""

    def __init__(self, journey: Journey, path: Path, rejects: Path, resumed: Checkpoint | None) -> None:
        """Goes on from `resumed`, dropping rejects that were written after it; starts anew without."""
        self._path = path
        self._rejects = rejects
        self._state = resumed or Checkpoint(journey)
        self._saved_at = 0.0
        if self._state.rejects_bytes:
            os.truncate(rejects, min(self._state.rejects_bytes, rejects.stat().st_size))

    @property
    def position(self) -> Position:
        """Up to where every line has had its answer."""
        return self._state.position

    @property
    def totals(self) -> Totals:
        """What became of the lines so far."""
        return self._state.totals

    def record(self, batch: Batch, outcome: Outcome, start: Position = START) -> int:
        """Adds a batch; returns how many bytes of the file it took."""
        length = batch.end.offset - max(self.position.offset, start.offset)
        rejects = sorted([*batch.rejects, *outcome.rejects], key=lambda reject: reject.line)
        written = self._write_rejects(b"".join(map(reject_line, rejects))) if rejects else self._state.rejects_bytes
        totals = self.totals.plus(outcome.totals).plus(Totals(rejected=len(batch.rejects)))
        self._state = Checkpoint(self._state.journey, batch.end, totals, written)
        if time.monotonic() - self._saved_at >= _SAVE_EVERY_S:
            self.save()
        return length

    def save(self) -> None:
        """Write the checkpoint, if there is anything to go on from."""
        if self.position != START:
            write_checkpoint(self._path, self._state)
            self._saved_at = time.monotonic()

    def close(self) -> None:
        """The import is complete: nothing to go on from."""
        self._path.unlink(missing_ok=True)

    def _write_rejects(self, lines: bytes) -> int:
        with self._rejects.open("ab" if self._state.rejects_bytes else "wb") as file:
            file.write(lines)
            return file.tell()
