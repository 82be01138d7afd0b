"""docs/security.md names tests as proof: they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
PROOF = re.compile(r"\[(?P<file>[\w/]+\.py)\](?P<names>(?:,? `test_\w+…?`)*)")


def test_every_proof_that_the_page_names_is_there() -> None:
    found = list(PROOF.finditer(PAGE))

    assert len(found) > 20
    for proof in found:
        source = (ROOT / "tests" / proof["file"]).read_text()
        for name in re.findall(r"`(test_\w+)…?`", proof["names"]):
            assert f"def {name}" in source, (proof["file"], name)


def test_every_setting_that_the_page_names_is_documented() -> None:
    example = (ROOT / ".env.example").read_text()

    assert [name for name in set(re.findall(r"PUG_[A-Z_]+", PAGE)) if name not in example] == []
