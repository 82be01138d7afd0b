"""`pug erasure` against a running Pug, and on its own."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.certificates import sign
from pug_process import PugProcess

Run = Callable[..., Result]


def test_somebody_is_erased_and_whoever_has_the_certificate_can_check_that(
    pug: PugProcess, run_with: Run, run: Run, tmp_path: Path
) -> None:
    event = {"eventId": str(uuid.uuid4()), "name": "erased", "distinctId": "zoe"}
    pug.call("capture.v1.CaptureService/Capture", {"events": [event]})

    asked = run_with("erasure", "request", "--distinct-id", "zoe", "--yes", "--wait", "--json")

    assert asked.exit_code == 0, asked.output
    erasure = json.loads(asked.stdout)
    assert (erasure["state"], erasure["stepsDone"]) == ("STATE_DONE", 8)
    shown = run_with("erasure", "show", erasure["id"]).stdout
    assert "done, 8 of 8 steps done" in shown
    assert "clickhouse.events" in shown
    assert erasure["id"] in run_with("erasure", "list").stdout
    certificate, key = tmp_path / "certificate.json", tmp_path / "key.pem"
    certificate.write_text(run_with("erasure", "show", erasure["id"], "--certificate").stdout)
    key.write_text(run_with("erasure", "public-key").stdout)
    checked = run("erasure", "verify", str(certificate), "--public-key", str(key), "--json")
    assert checked.exit_code == 0, checked.output
    said = json.loads(checked.stdout)
    assert (said["key_is_expected"], said["certificate"]["erasure"]) == (True, erasure["id"])
    assert "zoe" not in certificate.read_text()
    status, receipt = pug.answer("capture.v1.CaptureService/Capture", {"events": [{**event, "eventId": str(uuid.uuid4())}]})
    assert (status, [problem["reason"] for problem in receipt["problems"]]) == (200, ["ERASED"])


def test_somebody_nobody_knows_is_one_line(run_with: Run) -> None:
    result = run_with("erasure", "request", "--external-id", "nobody", "--yes")

    assert result.exit_code == 1
    assert "knows no such person" in result.stderr
    assert "Traceback" not in result.output


SAID: dict[str, object] = {
    "kind": "erasure of a data subject",
    "pug": "0.1.0",
    "erasure": "e1",
    "project": 1,
    "requested_at": "2026-03-01T12:00:00.000+00:00",
    "finished_at": "2026-03-01T12:00:05.000+00:00",
    "refused_ids": 2,
    "settled_through": 7,
    "stores": [{"name": "clickhouse.events", "before": 3, "after": 0}],
}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.json"
    path.write_text(sign(SAID, bytes(range(32))))
    return path


def test_a_good_certificate_is_read_out_and_it_is_said_that_its_key_may_be_anybodys(run: Run, certificate: Path) -> None:
    result = run("erasure", "verify", str(certificate))

    assert result.exit_code == 0
    assert "signed by the key" in result.stdout
    assert ["clickhouse.events", "3", "0"] in [line.split() for line in result.stdout.splitlines()]
    assert "--public-key" in result.stderr


@pytest.mark.parametrize(
    ("before", "after"), [('"before": 3', '"before": 2'), ('"e1"', '"e2"'), ("{", "{ "), ('"value": "', '"value": "A'), ("}\n", "}")]
)
def test_one_that_was_tampered_with_is_refused_in_clear_words(run: Run, certificate: Path, before: str, after: str) -> None:
    certificate.write_text(certificate.read_text().replace(before, after, 1) if before != "}\n" else certificate.read_text().rstrip("\n"))

    result = run("erasure", "verify", str(certificate))

    assert result.exit_code == 1
    assert "The certificate is not good" in result.stderr
    assert not result.stdout


SOMETHING_ELSE: list[dict[str, object]] = [
    {},
    {"kind": "a cake"},
    {"stores": [1]},
    SAID | {"kind": "a cake"},
    SAID | {"stores": [1]},
    SAID | {"stores": [{"name": "x"}]},
    SAID | {"stores": [{"name": "x", "before": [], "after": {}}]},
    SAID | {"stores": 5},
    SAID | {"stores": None},
    SAID | {"erasure": {}},
    SAID | {"finished_at": "yesterday"},
    SAID | {"refused_ids": "none"},
]


@pytest.mark.parametrize("said", SOMETHING_ELSE)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_something_else_that_somebody_signed_is_no_certificate_of_an_erasure(
    run: Run, tmp_path: Path, said: dict[str, object], form: list[str]
) -> None:
    (tmp_path / "cake.json").write_text(sign(said, bytes(range(32))))

    result = run("erasure", "verify", str(tmp_path / "cake.json"), *form)

    assert result.exit_code == 1
    assert "It is no certificate of an erasure." in result.stderr
    assert not result.stdout


def test_what_the_certificate_of_a_newer_pug_says_beyond_is_read_out(run: Run, certificate: Path) -> None:
    certificate.write_text(sign(SAID | {"seen_by": ["a", "b"]}, bytes(range(32))))

    result = run("erasure", "verify", str(certificate))

    assert result.exit_code == 0
    assert "seen by        ['a', 'b']" in result.stdout


def test_a_file_that_is_not_there_and_a_key_that_is_none_are_one_line(run: Run, certificate: Path, tmp_path: Path) -> None:
    missing = run("erasure", "verify", str(tmp_path / "missing.json"))
    no_key = run("erasure", "verify", str(certificate), "--public-key", str(certificate))

    for result in (missing, no_key):
        assert result.exit_code == 1
        assert "Traceback" not in result.output
