"""Says whether the disk of a folder has room left."""

import shutil
from pathlib import Path

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Room:
    """What may be written before a reserve is touched, on which whatever already runs goes on."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        """The folder exists; `reserve_bytes` of its disk stay free."""
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._left = True

    def left(self) -> bool:
        """Whether more than the reserve is free. It is said in the log when that changes."""
        free = shutil.disk_usage(self._folder).free
        # A little more to begin again than to go on, so that the answer doesn't change with each event.
        left = free >= (self._reserve_bytes if self._left else self._reserve_bytes * 9 // 8)
        if left != self._left:
            tell = log.info if left else log.error
            tell(
                "disk_has_room" if left else "disk_nearly_full",
                folder=str(self._folder),
                free_bytes=free,
                reserve_bytes=self._reserve_bytes,
            )
            self._left = left
        return left
