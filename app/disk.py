"""How much room there is on a disk, and whether that is enough."""

import shutil
from dataclasses import dataclass
from pathlib import Path

_GIB = 2**30
# Merges write a part anew before they drop the old ones, so a disk that is nearly full stops them first, and then the inserts.
_LITTLE_SHARE, _LITTLE_BYTES = 0.1, 10 * _GIB
_NEXT_TO_NOTHING_SHARE, _NEXT_TO_NOTHING_BYTES = 0.02, _GIB


@dataclass(frozen=True, slots=True)
class Space:
    """A disk, in bytes."""

    free: int
    size: int

    @property
    def share_free(self) -> float:
        """The part of it that is free."""
        return self.free / self.size if self.size else 0.0

    @property
    def is_little(self) -> bool:
        """Whether somebody should see to it: less than a tenth of it and less than 10 GiB are free."""
        return self.share_free < _LITTLE_SHARE and self.free < _LITTLE_BYTES

    @property
    def is_next_to_nothing(self) -> bool:
        """Whether it is about to be full: less than 2 % of it and less than 1 GiB are free."""
        return self.share_free < _NEXT_TO_NOTHING_SHARE and self.free < _NEXT_TO_NOTHING_BYTES


def space_at(path: Path) -> Space:
    """The disk that a folder is on, or would be made on."""
    path = path.expanduser().absolute()
    existing = next(each for each in (path, *path.parents) if each.exists())
    found = shutil.disk_usage(existing)
    return Space(found.free, found.total)
