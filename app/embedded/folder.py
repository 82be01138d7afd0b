"""The data folder: private, and one process's at a time."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import SettingsInvalid

# The file that says that a restore has begun and has not ended.
RESTORING = "restoring"
_PREDECESSOR_S = 10.0
_POLL_S = 0.05


class DataFolder:
    """Where the embedded engines keep their data. Nothing is made before an engine claims it."""

    def __init__(self, path: Path, *, restoring: bool = False) -> None:
        """The path may be relative to the working directory. Only who is `restoring` gets a folder that is half restored."""
        self.path = path.expanduser().absolute()
        self._restoring = restoring
        self._lock: int | None = None
        self._claiming = asyncio.Lock()

    async def claim(self) -> int:
        """Make the folder ours and return the lock that says so; children inherit it and hold it as long as they live."""
        async with self._claiming:
            if self._lock is None:
                lock = await _locked(self.path)
                if not self._restoring and (self.path / RESTORING).exists():
                    os.close(lock)
                    raise _half_restored(self.path)
                self._lock = lock
            return self._lock

    def release(self) -> None:
        """Let go. It is closed, never unlocked: the lock goes with the last process that holds it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def was_used(path: Path) -> bool:
    """Whether a Pug has kept data in the folder."""
    return (path.expanduser() / "postgres").is_dir()


@asynccontextmanager
async def open_folder(path: Path, *, restoring: bool = False) -> AsyncGenerator[DataFolder]:
    """A data folder, released at the end."""
    folder = DataFolder(path, restoring=restoring)
    try:
        yield folder
    finally:
        folder.release()


def lock_holder(path: Path) -> str | None:
    """The process that uses the data folder; None when none does."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 20, 0).decode(errors="replace") or "unknown"
    else:
        return None
    finally:
        os.close(lock)


def interrupted_restore(path: Path) -> SettingsInvalid | None:
    """What is wrong with a data folder that holds half of a backup; None of any other, and while somebody restores."""
    path = path.expanduser().absolute()
    return _half_restored(path) if (path / RESTORING).exists() and lock_holder(path) is None else None


def check_account(path: Path) -> None:
    """Refuses a data folder that another account made: what is in it is not for this one."""
    if (path / "lock").exists():
        _check_owner(path, (path / "lock").stat().st_uid)


async def _locked(path: Path) -> int:
    lock = _lock_file(path)
    try:
        _check_owner(path, os.fstat(lock).st_uid)
        await _wait(path, lock)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock_file(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsInvalid(
            f"The data folder {path} cannot be used: {error.strerror}.",
            field="PUG_DATA_DIR",
            hint="Run as the account that made it, or set PUG_DATA_DIR to a folder of your own.",
        ) from error


def _check_owner(path: Path, owner: int) -> None:
    if owner != os.geteuid():
        # Root could go on, and would leave files behind that the other account cannot read any more.
        raise SettingsInvalid(
            f"The data folder {path} belongs to the account with uid {owner}, and this process runs as uid {os.geteuid()}.",
            field="PUG_DATA_DIR",
            hint="Run as that account, or set PUG_DATA_DIR to another folder.",
        )


async def _wait(path: Path, lock: int) -> None:
    # Servers of a process that was killed take a moment to go; until then they still hold the lock.
    for _ in range(int(_PREDECESSOR_S / _POLL_S)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_POLL_S)
        else:
            return
    holder = os.pread(lock, 20, 0).decode(errors="replace") or "unknown"
    raise SettingsInvalid(
        f"Another process (pid {holder}) is using the data folder {path}.",
        field="PUG_DATA_DIR",
        hint="Stop it, or set PUG_DATA_DIR to another folder.",
    )


def _half_restored(path: Path) -> SettingsInvalid:
    return SettingsInvalid(
        f"A restore into the data folder {path} was interrupted: it holds half of a backup.",
        field="PUG_DATA_DIR",
        hint="Run `pug restore` again, which begins anew.",
    )
