from pathlib import Path

import pytest

from tools.check_licences import ALLOWED, EXCEPTIONS, allowed, licence_of, packages_of

LOCKS = sorted((Path(__file__).parents[2] / "locks").glob("*.txt"))


@pytest.mark.parametrize(
    ("package", "expression", "agreed"),
    [
        ("any", "MIT", True),
        ("any", "GPL-3.0-only", False),
        ("any", "Apache-2.0 OR GPL-3.0-only", True),
        ("any", "MIT AND GPL-3.0-only", False),
        ("any", "GPL-3.0-only OR (MIT AND Zlib)", True),
        ("psycopg", "LGPL-3.0-only", True),
        ("any", "LGPL-3.0-only", False),
        ("any", "not installed, so not known", False),
    ],
)
def test_one_alternative_has_to_be_agreed_to_whole(package: str, expression: str, agreed: bool) -> None:  # noqa: FBT001 (what is expected)
    assert allowed(package, expression) is agreed


def test_a_lock_s_packages_are_those_this_machine_installs() -> None:
    lock = """
one==1 \\
    --hash=sha256:0
    # via two
three==3 ; sys_platform == 'nowhere' \\
    --hash=sha256:0
four==4 ; python_full_version >= '3.11' \\
    --hash=sha256:0
"""

    assert packages_of(lock) == ["one", "four"]


def test_every_exception_is_one() -> None:
    assert all(licence not in ALLOWED for _, licence in EXCEPTIONS)
    assert licence_of("psycopg") == "LGPL-3.0-only"


@pytest.mark.parametrize("lock", LOCKS, ids=[lock.name for lock in LOCKS])
def test_a_lock_says_hashes_and_nothing_of_where_packages_come_from(lock: Path) -> None:
    lines = lock.read_text().splitlines()

    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert "://" not in line, line
        assert line.startswith((" ", "#")) or following.strip().startswith("--hash=sha256:"), line
