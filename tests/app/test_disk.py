from pathlib import Path

import pytest

from app.disk import Space, space_at

GIB = 2**30


@pytest.mark.parametrize(
    ("free", "size", "little", "next_to_nothing"),
    [
        (50, 100, False, False),
        (5, 100, True, False),
        (15, 1000, False, False),
        (9, 20, False, False),
        (0.5, 100, True, True),
        (0, 0, True, True),
    ],
)
def test_room_is_little_by_share_and_by_bytes(free: float, size: float, *, little: bool, next_to_nothing: bool) -> None:
    space = Space(int(free * GIB), int(size * GIB))

    assert (space.is_little, space.is_next_to_nothing) == (little, next_to_nothing)


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above(tmp_path: Path) -> None:
    assert space_at(tmp_path / "not" / "there").size == space_at(tmp_path).size > 0
