"""Shows how far an import is: a bar on a terminal, a line now and then elsewhere. Always on stderr."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_QUIET_S = 5.0


class Meter(Protocol):
    """What an import tells of its progress."""

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """A stretch of work of so many bytes begins."""
        ...

    def advance(self, size: int, detail: str = "") -> None:
        """So many more bytes are done."""
        ...

    def note(self, line: str) -> None:
        """Something the person should know."""
        ...

    def remind(self, line: str) -> None:
        """The same, when it may come up many times in a row: it is said once in a while only."""
        ...


@contextmanager
def meter() -> Generator[Meter]:
    """A meter that fits what stderr is."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield _Plain(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)


class _Notes:
    """Lines beside the progress, from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._reminded_at = float("-inf")

    def note(self, line: str) -> None:
        self._console.print(escape(line))

    def remind(self, line: str) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._reminded_at < _QUIET_S:
                return
            self._reminded_at = now
        self.note(line)


class _Bar(_Notes):
    def __init__(self, progress: Progress) -> None:
        super().__init__(progress.console)
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, what: str, total: int, done: int = 0) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total, completed=done, detail="")

    def advance(self, size: int, detail: str = "") -> None:
        if self._task is not None:
            self._progress.update(self._task, advance=size, detail=detail)


class _Plain(_Notes):
    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._what = ""
        self._total = 0
        self._done = 0
        self._said_at = 0.0

    def begin(self, what: str, total: int, done: int = 0) -> None:
        self._what, self._total, self._done = what, total, done
        self._said_at = time.monotonic()

    def advance(self, size: int, detail: str = "") -> None:
        self._done += size
        now = time.monotonic()
        if now - self._said_at >= _QUIET_S:
            self._said_at = now
            share = 100 * self._done // max(1, self._total)
            self.note(f"{self._what}: {share} % of {decimal(self._total)} {detail}".rstrip())
