import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import pytest
from typer.testing import Result

from pug_process import PugProcess

Run = Callable[..., Result]

CDNOW = Path(__file__).parents[2] / "data" / "cdnow_sample.txt"
PUG = Path(sys.executable).with_name("pug")
MONTHS = ["--granularity", "month", "--from", "1997-01-01", "--to", "1998-07-01"]


def import_cdnow(run: Run, file: Path) -> dict[str, Any]:
    mapping = "--format spaces --columns full_id,distinct_id,occurred_at,cds,dollars --time-format %Y%m%d"
    properties = "--event purchase --property cds:number --property dollars:number"
    result = run("import", str(file), *mapping.split(), *properties.split(), "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def monthly(run: Run, *metric: str) -> dict[str, float]:
    result = run("query", "trends", "--event", "purchase", *metric, *MONTHS, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    values = answer["trends"]["series"][0]["values"]
    return {bucket["start"][:7]: value for bucket, value in zip(answer["trends"]["buckets"], values, strict=True)}


@pytest.fixture(scope="session")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("cdnow") / CDNOW.name
    copy.write_bytes(CDNOW.read_bytes())
    return copy


@pytest.fixture
def events_file(tmp_path: Path) -> Callable[[str, int], Path]:
    """Writes NDJSON of so many events of a name, all of today."""

    def write(name: str, count: int) -> Path:
        path = tmp_path / f"{name}.ndjson"
        now = datetime.now(UTC).isoformat()
        lines = (json.dumps({"name": name, "distinctId": f"u{n % 50}", "occurredAt": now, "properties": {"n": n}}) for n in range(count))
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_the_documented_import_of_cdnow_gives_the_numbers_of_the_file(run_with: Run, cdnow: Path) -> None:
    purchases: Counter[str] = Counter()
    buyers: defaultdict[str, set[str]] = defaultdict(set)
    dollars: defaultdict[str, list[float]] = defaultdict(list)
    for line in CDNOW.read_text().splitlines():
        _, customer, day, _, amount = line.split()
        month = f"{day[:4]}-{day[4:6]}"
        purchases[month] += 1
        buyers[month].add(customer)
        dollars[month].append(float(amount))

    report = import_cdnow(run_with, cdnow)

    assert report["warnings"] == {"OCCURRED_LONG_AGO": 6919}
    assert not cdnow.with_name(f"{cdnow.name}.rejects.ndjson").exists()
    assert (report["accepted"], report["duplicates"], report["rejected"], report["rejects_file"]) == (6919, 0, 0, None)
    assert report["complete_until"]
    assert monthly(run_with) == purchases
    assert monthly(run_with, "--metric", "persons") == {month: len(who) for month, who in buyers.items()}
    assert monthly(run_with, "--metric", "sum", "--property", "dollars") == pytest.approx(
        {month: sum(all_) for month, all_ in dollars.items()}
    )
    assert monthly(run_with, "--metric", "median", "--property", "dollars") == pytest.approx(
        {month: statistics.median(all_) for month, all_ in dollars.items()}
    )
    assert sum(purchases.values()) == 6919


def test_importing_a_file_twice_counts_every_line_once_and_equal_lines_each(run_with: Run, pug: PugProcess, tmp_path: Path) -> None:
    file = tmp_path / "twice.csv"
    day = datetime.now(UTC).date().isoformat()
    file.write_text(f"who,when\nu1,{day}\nu1,{day}\nu2,{day}\n")
    mapping = ["--event", "imported_twice", "--distinct-id", "who", "--time", "when", "--time-format", "%Y-%m-%d"]

    for _ in range(2):
        assert run_with("import", str(file), *mapping).exit_code == 0

    assert run_with("import", str(file), *mapping, "--json").exit_code == 0
    assert pug.total("imported_twice") == 3


def test_rejected_lines_are_kept_with_what_is_wrong_with_them(run_with: Run, pug: PugProcess, tmp_path: Path) -> None:
    file = tmp_path / "mixed.ndjson"
    good = json.dumps({"name": "mixed", "distinct_id": "u1"})
    lines = [good, '{"name":"mixed"}', "nonsense", good, '{"name":"mixed","distinct_id":"u1","nmae":1}', good]
    file.write_text("\n".join(lines) + "\n")

    result = run_with("import", str(file), "--json")

    report = json.loads(result.stdout)
    rejects = [json.loads(line) for line in Path(report["rejects_file"]).read_text().splitlines()]
    assert (report["accepted"], report["rejected"]) == (3, 3)
    assert [(each["line"], each["reason"]) for each in rejects] == [(2, "DISTINCT_ID_MISSING"), (3, "LINE_MALFORMED"), (5, "UNKNOWN_FIELD")]
    assert rejects[0]["original"] == '{"name":"mixed"}'
    assert rejects[0]["message"]
    assert pug.total("mixed") == 3


def test_a_file_of_nothing_but_rejects_fails(run_with: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("distinct_id,amount\nu1,lots\n")

    result = run_with("import", str(file), "--event", "x", "--property", "amount:number")

    assert result.exit_code == 1
    assert json.loads((tmp_path / "bad.csv.rejects.ndjson").read_text())["field"] == "properties.amount"


def test_a_rejects_file_of_an_earlier_import_does_not_stay(run_with: Run, tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    command = ["import", str(file), "--event", "fixed", "--property", "amount:number", "--no-wait"]
    file.write_text("distinct_id,amount\nu1,1\nu1,lots\n")
    run_with(*command)
    assert (tmp_path / "e.csv.rejects.ndjson").exists()

    file.write_text("distinct_id,amount\nu1,1\nu1,2\n")
    assert run_with(*command).exit_code == 0

    assert not (tmp_path / "e.csv.rejects.ndjson").exists()


def test_own_ids_of_events_are_kept(run_with: Run, pug: PugProcess, tmp_path: Path) -> None:
    same_event = json.dumps({"eventId": str(uuid.uuid4()), "name": "own_id", "distinctId": "u1"})
    for name in ("a.ndjson", "b.ndjson"):
        (tmp_path / name).write_text(same_event + "\n" + "\n" * len(name))
        assert run_with("import", str(tmp_path / name)).exit_code == 0

    assert pug.total("own_id") == 1


class StallingFront:
    """Passes some batches on to Pug and turns all later ones away for now: an import through it never ends by itself."""

    def __init__(self, url: str, batches: int) -> None:
        left = iter(range(batches))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if body != b'{"events":[]}' and next(left, None) is None:
                    self.send_error(503)
                    return
                headers = {name: self.headers[name] for name in ("authorization", "content-type")}
                with urlopen(Request(f"{url}{self.path}", body, headers)) as response:
                    answer = response.read()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def options(self, pug: PugProcess) -> list[str]:
        return ["--url", f"http://127.0.0.1:{self._server.server_port}", "--key", pug.notes["write_key"]]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def start_import(pug: PugProcess, file: Path, *options: str) -> "subprocess.Popen[bytes]":
    """An import slow enough to be stopped, once it has a checkpoint."""
    command = [PUG, "import", file, "--json", *options]
    process = subprocess.Popen(
        command, env=os.environ | {"PUG_DATA_DIR": str(pug.data_dir)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    checkpoint = file.with_name(f"{file.name}.pug-import.json")
    deadline = time.monotonic() + 30
    while not checkpoint.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


def test_an_import_killed_in_the_middle_goes_on_and_loses_and_doubles_nothing(
    run_with: Run, pug: PugProcess, events_file: Callable[[str, int], Path]
) -> None:
    file = events_file("killed", 20_000)
    process = start_import(pug, file, "--batch-events", "20", "--in-flight", "2")
    time.sleep(0.7)
    process.kill()
    process.wait(10)

    report = json.loads(run_with("import", str(file), "--json").stdout)

    assert report["resumed_from_line"] > 0
    assert report["accepted"] + report["duplicates"] == 20_000
    assert pug.settled_total("killed", 20_000) == 20_000
    assert not list(file.parent.glob("*.pug-import.json*"))


def test_a_server_killed_in_the_middle_and_started_again_gets_every_line_once(
    run: Run, tmp_path: Path, events_file: Callable[[str, int], Path]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    pug = PugProcess(tmp_path / "data", {"PUG_HTTP_PORT": port})
    pug.start()
    file = events_file("survived", 10_000)
    process = start_import(pug, file, "--batch-events", "20", "--in-flight", "2", "--no-wait")

    pug.kill()
    pug.start()
    out, err = process.communicate(timeout=60)

    assert json.loads(out)["accepted"] == 10_000
    assert b"Trying again" in err
    assert pug.settled_total("survived", 10_000) == 10_000
    assert pug.stop() == 0
    assert run("schema").exit_code == 1


def test_ctrl_c_says_how_far_it_came_and_restart_begins_anew(
    run_with: Run, pug: PugProcess, events_file: Callable[[str, int], Path]
) -> None:
    file = events_file("interrupted", 2_000)
    with StallingFront(pug.notes["http_url"], batches=3) as front:
        process = start_import(pug, file, *front.options(pug), "--batch-events", "20", "--in-flight", "2")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert not out
    assert b"The same command goes on from there" in err

    report = json.loads(run_with("import", str(file), "--json", "--restart").stdout)
    assert report["resumed_from_line"] is None
    assert pug.settled_total("interrupted", 2_000) == 2_000


def test_a_checkpoint_of_another_content_is_not_gone_on_from(
    run_with: Run, pug: PugProcess, events_file: Callable[[str, int], Path]
) -> None:
    file = events_file("changed", 5_000)
    with StallingFront(pug.notes["http_url"], batches=3) as front:
        process = start_import(pug, file, *front.options(pug), "--batch-events", "20", "--in-flight", "1")
        process.kill()
        process.wait(10)
    file.write_text(file.read_text().replace('"changed"', '"changed_since"'))

    result = run_with("import", str(file), "--json")

    assert json.loads(result.stdout)["resumed_from_line"] is None
    assert "another import" in result.stderr
    assert pug.settled_total("changed_since", 5_000) == 5_000


def test_a_question_from_a_file_and_from_stdin_give_the_same_table(run_with: Run, cdnow: Path, tmp_path: Path) -> None:
    import_cdnow(run_with, cdnow)
    question = '{"trends":{"series":[{"event":{"name":"purchase"}},{"event":{"name":"purchase"},"metric":{"kind":"KIND_PERSONS"}}]}}'
    file = tmp_path / "question.json"
    file.write_text(question)

    from_file = run_with("query", "--file", str(file), *MONTHS).stdout.splitlines()
    from_stdin = run_with("query", "--file", "-", *MONTHS, input=question).stdout.splitlines()

    assert from_file[:-1] == from_stdin[:-1]
    assert from_file[0].split("  ")[0] == "month"
    assert from_file[2].split() == ["1997-01", "885", "781"]
    assert from_file[-1].startswith("exact · rollup · ")


def test_a_sparkline_is_one_line(run_with: Run, cdnow: Path) -> None:
    import_cdnow(run_with, cdnow)

    lines = run_with("query", "trends", "--event", "purchase", *MONTHS, "--sparkline").stdout.splitlines()

    assert lines[2].split()[0] == "purchase"
    assert len(lines[2].split()[1]) == 18
    assert lines[2].split()[-1] == "6,919"


def test_explain_shows_the_sql_and_its_values(run_with: Run) -> None:
    shown = run_with("query", "trends", "--event", "purchase", "--explain").stdout
    as_json = json.loads(run_with("query", "trends", "--event", "purchase", "--explain", "--json").stdout)

    assert "SELECT" in shown
    assert "purchase" in shown
    assert as_json["sql"] in shown


def test_the_schema_lists_what_was_sent(run_with: Run, cdnow: Path) -> None:
    import_cdnow(run_with, cdnow)

    shown = run_with("schema").stdout
    as_json = json.loads(run_with("schema", "--event", "purchase", "--json").stdout)
    searched = json.loads(run_with("schema", "--search", "DOLL", "--json").stdout)

    assert "purchase" in shown
    assert {each["key"] for each in as_json["properties"]} == {"cds", "dollars"}
    assert [each["key"] for each in searched["properties"]] == ["dollars"]


def test_an_error_of_the_server_is_one_line_that_names_the_field(run_with: Run) -> None:
    result = run_with("query", "trends", "--event", "x", "--metric", "sum")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "property" in result.stderr


def test_a_key_is_made_shown_once_used_and_revoked(run_with: Run, pug: PugProcess) -> None:
    made = run_with("keys", "create", "--kind", "secret", "--label", "reader")
    token = made.stdout.strip()
    assert token.startswith("sk_")

    listed = json.loads(run_with("keys", "list", "--json").stdout)
    key = next(each for each in listed if each["label"] == "reader")
    assert (key["kind"], key["scopes"], token in str(listed)) == ("secret", ["read"], False)
    assert run_with("schema", "--key", token).exit_code == 0
    assert run_with("keys", "list", "--key", token).exit_code == 1

    assert run_with("keys", "revoke", key["id"]).exit_code == 0
    assert run_with("schema", "--key", token, "--url", pug.notes["http_url"]).exit_code == 1


def test_an_unknown_key_is_told_with_the_command_that_lists_them(run_with: Run) -> None:
    for unknown in ("nope", str(uuid.uuid4())):
        result = run_with("keys", "revoke", unknown)

        assert result.exit_code == 1
        assert "`pug keys list`" in result.stderr


def test_only_saying_the_time_asks_for_all_events(run_with: Run, cdnow: Path) -> None:
    import_cdnow(run_with, cdnow)

    lines = run_with("query", "trends", *MONTHS).stdout.splitlines()

    assert lines[0].split() == ["month", "any", "event"]
    assert lines[2].split()[:2] == ["1997-01", "885"]


def test_the_doctor_finds_a_running_pug_well(run_with: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_HTTP_PORT", "0")
    monkeypatch.setenv("PUG_GRPC_PORT", "0")

    result = run_with("doctor", "--json")

    checks = {each["name"]: each for each in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert all(checks[name]["state"] == "ok" for name in ("server, HTTP", "server, gRPC", "secret key", "write key", "NATS"))
    assert "held by pid" in checks["data folder"]["found"]


def test_somebody_is_let_in_and_a_project_is_made_beside_a_running_pug(run_with: Run) -> None:
    made = json.loads(run_with("projects", "create", "Beside", "--json").stdout)
    let_in = json.loads(run_with("accounts", "create", "--email", "ada@example.com", "--project", made["project_id"], "--json").stdout)

    assert made["secret_key"].startswith("sk_")
    assert (let_in["role"], "#token=" in let_in["link"]) == ("owner", True)


def test_the_schema_is_told_beside_a_running_pug(run_with: Run) -> None:
    told = run_with("migrate", "--status", "--json")

    migrations: list[dict[str, str]] = json.loads(told.stdout)
    assert told.exit_code == 0
    assert {each["engine"] for each in migrations} == {"PostgreSQL", "ClickHouse", "JetStream"}
    assert {each["state"] for each in migrations} == {"applied"}
