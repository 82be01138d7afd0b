import json

from tools.audit import NONE, SOME, UNKNOWN, Dependency, judge

SOUND: Dependency = {"name": "one", "version": "1", "vulns": []}
VULNERABLE: Dependency = {"name": "two", "version": "2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}]}
SKIPPED: Dependency = {"name": "three", "skip_reason": "nobody knows it"}


def said(*dependencies: Dependency) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_nothing_known_is_good() -> None:
    assert judge("a.txt", said(SOUND), "").code == NONE


def test_a_vulnerability_is_named_with_where_it_is_mended() -> None:
    judgement = judge("a.txt", said(SOUND, VULNERABLE), "Found 1 known vulnerability in 1 package")

    assert (judgement.code, judgement.lines) == (SOME, ["two 2: PYSEC-1, CVE-1; mended in 3"])


def test_a_package_nobody_could_look_up_is_not_taken_for_sound() -> None:
    assert judge("a.txt", said(SOUND, SKIPPED), "").code == UNKNOWN
    assert judge("a.txt", said(VULNERABLE, SKIPPED), "").code == UNKNOWN


def test_a_database_that_does_not_answer_is_said_so_with_the_reason() -> None:
    judgement = judge("a.txt", "", "Traceback …\nConnectionError: no route\n")

    assert judgement.code == UNKNOWN
    assert "could not be asked" in judgement.lines[0]
    assert "no route" in judgement.lines[0]
