"""`pug dead` beside a running Pug, on its own stream of dead letters."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from nats.js.client import JetStreamContext
from typer.testing import Result

from app.attaching import attach_nats
from app.embedded.folder import lock_holder
from core.settings import Settings
from pug_process import PugProcess

Run = Callable[..., Result]
Bury = Callable[..., int]
T = TypeVar("T")

PUG = Path(sys.executable).with_name("pug")
GARBAGE = bytes(range(256)) * 16 + b"\x1b[31m\n"


@pytest.fixture(autouse=True)
def no_letters(pug: PugProcess) -> Iterator[None]:
    """Each test begins with none."""
    on_stream(pug.data_dir, lambda jetstream: jetstream.purge_stream("DEAD"))
    yield
    on_stream(pug.data_dir, lambda jetstream: jetstream.purge_stream("DEAD"))


@pytest.fixture
def bury(pug: PugProcess) -> Bury:
    """Leaves a dead letter with these bytes and headers; gives its id."""

    def bury(content: bytes, **headers: str) -> int:
        given = {f"Pug-{name.replace('_', '-')}": value for name, value in headers.items()}
        return on_stream(pug.data_dir, lambda jetstream: jetstream.publish("dead.events", content, headers=given or None)).seq

    return bury


def on_stream(data_dir: Path, ask: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    async def attached() -> T:
        async with attach_nats(Settings.model_validate({"data_dir": data_dir})) as connection:
            return await ask(connection.jetstream())

    return asyncio.run(attached())


def row_of(pug: PugProcess, name: str, event_id: str | None = None) -> bytes:
    now = int(time.time() * 1000)
    return json.dumps([event_id or str(uuid.uuid4()), int(pug.notes["project_id"]), name, "ann", "", now, now, {"n": 1}]).encode()


def listed(run_with: Run, *options: str) -> list[dict[str, object]]:
    result = run_with("dead", "list", "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_without_letters_it_says_so(run_with: Run) -> None:
    assert "No dead letters" in run_with("dead", "list").stdout
    assert listed(run_with) == []
    assert run_with("dead", "replay", "--all").exit_code == 0
    assert run_with("dead", "drop", "--all", "--yes").exit_code == 0


def test_letters_are_listed_newest_first_with_the_total(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    oldest = bury(GARBAGE)
    middle = bury(row_of(pug, "bought"), Reason="Memory limit", Stream="EVENTS", Stream_Sequence="5", Rows="1")
    newest = bury(b"", Reason="Cannot parse")

    letters = listed(run_with)
    shown = run_with("dead", "list", "--limit", "2").stdout

    assert [each["id"] for each in letters] == [newest, middle, oldest]
    assert [each["first_event"] for each in letters] == [None, "bought", None]
    assert [each["bytes"] for each in letters] == [0, len(row_of(pug, "bought")), len(GARBAGE)]
    assert "EVENTS:5" in shown
    assert "3 dead letters" in shown
    assert "2 shown" in shown
    assert [each["id"] for each in listed(run_with, "--reason", "memory LIMIT")] == [middle]


def test_more_letters_than_one_fetch_brings_are_all_looked_at(run_with: Run, pug: PugProcess) -> None:
    async def bury_many(jetstream: JetStreamContext) -> None:
        await asyncio.gather(*(jetstream.publish("dead.events", b"x", headers={"Pug-Reason": f"number {n}."}) for n in range(1200)))

    on_stream(pug.data_dir, bury_many)

    assert len(listed(run_with, "--limit", "10000")) == 1200
    assert len(listed(run_with, "--reason", "number 7.")) == 1


def test_raw_gives_the_exact_bytes_and_nothing_else(run_with: Run, bury: Bury) -> None:
    for content in (GARBAGE, b"", b"\n", os.urandom(2**20)):
        assert run_with("dead", "show", str(bury(content)), "--raw").stdout_bytes == content


def test_show_gives_headers_and_content(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    letter = bury(row_of(pug, "bought"), Reason="Memory limit: é", Subject="events.captured.3", Died_At="2026-01-02T03:04:05Z")

    shown = run_with("dead", "show", str(letter)).stdout
    as_json = json.loads(run_with("dead", "show", str(letter), "--json").stdout)

    assert "Memory limit: é" in shown
    assert "events.captured.3" in shown
    assert "2026-01-02 03:04:05 UTC" in shown
    assert "bought" in shown
    assert as_json["headers"]["Pug-Subject"] == "events.captured.3"
    assert as_json["content"][0]["name"] == "bought"


def test_replayed_events_count_once_and_the_letter_is_gone(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    rows = row_of(pug, "revived") + b"\n" + row_of(pug, "revived")
    letter = bury(rows, Reason="Memory limit", Stream="EVENTS", Subject="events.captured", Rows="2")

    result = run_with("dead", "replay", str(letter))

    assert result.exit_code == 0, result.output
    assert "replayed" in result.stdout
    assert "new id" in result.stderr
    assert pug.settled_total("revived", 2) == 2
    assert listed(run_with) == []


def test_replayed_twice_it_counts_once(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    rows = row_of(pug, "revived_twice")
    for _ in range(2):
        assert run_with("dead", "replay", str(bury(rows))).exit_code == 0

    marker = bury(row_of(pug, "revived_after"))
    run_with("dead", "replay", str(marker))

    assert pug.settled_total("revived_after", 1) == 1
    assert pug.total("revived_twice") == 1


def test_a_replay_cut_short_before_it_deleted_is_taken_up_again(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    letter = bury(row_of(pug, "cut_short"))

    async def send_only(jetstream: JetStreamContext) -> bool:
        from app.cli.dead.stream import DeadLetters  # noqa: PLC0415 (what is under test)

        dead = DeadLetters(jetstream)
        found = await dead.read(letter)
        assert found
        return await dead.send_back(found)

    assert on_stream(pug.data_dir, send_only)
    result = run_with("dead", "replay", str(letter))

    assert "moments ago" in result.stdout
    assert pug.settled_total("cut_short", 1) == 1
    assert listed(run_with) == []


def test_all_of_a_reason_are_replayed_and_the_others_stay(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    bury(row_of(pug, "chosen"), Reason="Memory limit")
    other = bury(row_of(pug, "chosen"), Reason="Cannot parse")
    bury(row_of(pug, "chosen"), Reason="memory limit (total)")

    fates = json.loads(run_with("dead", "replay", "--all", "--reason", "memory", "--json").stdout)

    assert [each["fate"] for each in fates] == ["replayed", "replayed"]
    assert pug.settled_total("chosen", 2) == 2
    assert [each["id"] for each in listed(run_with)] == [other]


def test_what_dies_again_comes_back_under_a_new_id(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    beyond_reading = row_of(pug, "again")[:-1] + b', "nonsense'
    letter = bury(beyond_reading, Reason="Cannot parse")

    assert run_with("dead", "replay", str(letter)).exit_code == 0
    deadline = time.monotonic() + 60
    while not (letters := listed(run_with)) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert len(letters) == 1
    assert int(str(letters[0]["id"])) > letter
    assert run_with("dead", "show", str(letters[0]["id"]), "--raw").stdout_bytes == beyond_reading


def test_a_letter_no_stream_takes_stays(run_with: Run, bury: Bury) -> None:
    stray = bury(b"x", Subject="nowhere.to.go")
    wrong = bury(b"x", Stream="EVENTS", Subject="dead.events")

    results = [run_with("dead", "replay", str(each)) for each in (stray, wrong)]

    assert [result.exit_code for result in results] == [1, 1]
    assert [result.stderr.count("\n") for result in results] == [1, 1]
    assert "nowhere.to.go" in results[0].stderr
    assert [each["id"] for each in listed(run_with)] == [wrong, stray]


def test_a_full_stream_takes_nothing_and_the_letters_stay(run_with: Run, pug: PugProcess, bury: Bury) -> None:
    first, second = bury(row_of(pug, "full")), bury(b"x" * 4096, Subject="small.stream", Stream="SMALL")
    third = bury(row_of(pug, "full"))
    on_stream(
        pug.data_dir,
        lambda jetstream: jetstream.add_stream(name="SMALL", subjects=["small.>"], max_bytes=1024, discard="new", num_replicas=1),
    )

    result = run_with("dead", "replay", str(first), str(second), str(third))
    on_stream(pug.data_dir, lambda jetstream: jetstream.delete_stream("SMALL"))

    assert result.exit_code == 1
    assert "full" in result.stderr
    assert re.search(rf"{first}\s+replayed", result.stdout)
    assert [each["id"] for each in listed(run_with)] == [third, second]


def test_dropped_letters_are_gone_and_the_others_stay(run_with: Run, bury: Bury) -> None:
    first, second, third = bury(b"1", Reason="a"), bury(b"2", Reason="b"), bury(b"3", Reason="b")

    assert run_with("dead", "drop", str(first), "--yes").exit_code == 0
    assert [each["id"] for each in listed(run_with)] == [third, second]
    assert "2 of 2 done" in run_with("dead", "drop", "--all", "--reason", "b", "--yes").stdout

    assert listed(run_with) == []


def test_dropping_is_refused_where_nobody_can_be_asked(run_with: Run, bury: Bury) -> None:
    letter = bury(b"1")

    result = run_with("dead", "drop", str(letter))

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert [each["id"] for each in listed(run_with)] == [letter]


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_dropping_asks_on_a_terminal(run_with: Run, pug: PugProcess, bury: Bury, answer: str, left: int) -> None:
    letter = bury(b"1")
    ours, theirs = pty.openpty()

    with subprocess.Popen(
        [PUG, "dead", "drop", str(letter)],
        env=os.environ | {"PUG_DATA_DIR": str(pug.data_dir)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as dropping:
        os.write(ours, answer.encode())
        _, errors = dropping.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert dropping.returncode == left, errors
    assert "Delete 1 dead letter for good?" in errors
    assert len(listed(run_with)) == left


@pytest.mark.parametrize("command", [["show", "{id}"], ["show", "{id}", "--raw"], ["replay", "{id}"], ["drop", "{id}", "--yes"]])
def test_a_letter_that_is_not_there_is_one_line(run_with: Run, bury: Bury, command: list[str]) -> None:
    absent = str(bury(b"x") + 1_000_000)

    result = run_with("dead", *[part.replace("{id}", absent) for part in command])

    assert result.exit_code == 1
    assert f"There is no dead letter {absent}." in result.stderr
    assert "Traceback" not in result.output
    assert len(listed(run_with)) == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["replay"], "--all"),
        (["replay", "1", "--all"], "--all"),
        (["drop", "--yes"], "--all"),
        (["replay", "1", "--reason", "x"], "--reason"),
        (["show", "1", "--raw", "--json"], "--raw"),
        (["show", "0"], "ID"),
    ],
)
def test_a_command_that_says_too_little_or_too_much_is_refused(run_with: Run, command: list[str], message: str) -> None:
    result = run_with("dead", *command)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("command", [["list"], ["show", "1"], ["replay", "--all"], ["drop", "--all", "--yes"]])
def test_nats_that_is_away_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr("app.attaching._CONNECT_S", 0.5)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")

    result = run("dead", *command)

    assert result.exit_code == 1
    assert not result.stdout
    assert result.stderr.count("\n") == 1
    assert "NATS could not be reached" in result.stderr


def test_where_no_pug_has_run_nothing_is_made(run: Run, tmp_path: Path) -> None:
    result = run("dead", "list")

    assert result.exit_code == 1
    assert "no Pug has run there" in result.stderr
    assert not (tmp_path / "nothing").exists()


def test_without_a_running_pug_its_stream_is_opened_for_the_command(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = PugProcess(tmp_path / "data")
    stopped.start()
    letter = on_stream(stopped.data_dir, lambda jetstream: jetstream.publish("dead.events", row_of(stopped, "later"))).seq
    assert stopped.stop() == 0
    monkeypatch.setenv("PUG_DATA_DIR", str(stopped.data_dir))

    letters = listed(run)
    replayed = run("dead", "replay", str(letter))
    holder = lock_holder(stopped.data_dir)
    stopped.start()

    assert [each["id"] for each in letters] == [letter]
    assert replayed.exit_code == 0, replayed.output
    assert holder is None
    assert stopped.settled_total("later", 1) == 1
    assert stopped.stop() == 0
