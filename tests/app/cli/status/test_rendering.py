import json
from datetime import UTC, datetime, timedelta

import pytest

from app.cli.doctor.checks import bad, good
from app.cli.output import json_text, print_table
from app.cli.status.facts import Consumer, DeadStream, Erasures, EventStream, People, Severity, Status, Turn
from app.cli.status.rendering import status_group, status_json, verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = good("NATS", "2.15.1, a server")


def behind(second: int, waiting: int, lag: timedelta) -> Status:
    now = NOON + timedelta(seconds=second)
    return Status(
        now,
        (FINE, bad("ClickHouse", "no answer\x1b[31m", "Check CLICKHOUSE_URL.")),
        EventStream(waiting, 3 * 2**20, 2**30, 500 + waiting, now - lag, {"events.captured.1": 2, "events.captured.0": waiting - 2}),
        (Consumer("events-writer", 40, 2, 700, now - timedelta(seconds=90)),),
        DeadStream(3, 2048, now - timedelta(hours=2), "Cannot \x1b parse"),
        (Turn("events-writer", None),),
        People(1_200, now - timedelta(minutes=2)),
        Erasures(2, now - timedelta(minutes=5)),
    )


def test_all_is_told_in_two_tables_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(status_group([behind(0, 100, timedelta(minutes=3)), behind(2, 300, timedelta(minutes=3, seconds=2))]))

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    facts = {line[:22].strip(): line[22:].strip() for line in lines}
    assert lines[3].split(maxsplit=2) == ["✗", "ClickHouse", "no answer\\x1b[31m   Check CLICKHOUSE_URL."]
    assert facts["waiting"] == "300 messages, 3.0 MiB (0.3% of 1.0 GiB)"
    assert facts["oldest waits for"] == "3 min 2 s · falling behind"
    assert facts["by subject"] == "events.captured.0 298 · events.captured.1 2"
    assert facts["messages a second"] == "100.0 in · 0.0 out"
    assert facts["consumer events-writer"] == "40 to deliver · 2 to be acknowledged · last delivered 700, 1 min 30 s ago"
    assert facts["worker events-writer"] == "none has its turn: start `pug work events`, or read the log of the one that should"
    assert facts["people waiting"] == "1,200 changes, the oldest for 2 min 0 s"
    assert facts["dead letters"] == "3, 2.0 KiB, the oldest of 2 h 0 min ago · last: Cannot \\x1b parse · `pug dead list`"
    assert facts["erasures"] == "2 open, the oldest asked for 5 min 0 s ago · `pug erasure list`"
    assert lines[-1] == "ClickHouse is down; no worker runs (events-writer) · falling behind, by 3 min 2 s"


def test_what_is_behind_is_yellow_and_then_red() -> None:
    def status(lag_s: float) -> Status:
        return Status(NOON, (FINE,), EventStream(1, 1, 100, 1, NOON - timedelta(seconds=lag_s), {}))

    assert [verdict([status(lag)]).style for lag in (1, 30, 300)] == [f"bold {colour}" for colour in Severity]
    assert str(verdict([status(1)])) == "healthy · keeping up"
    assert str(verdict([status(300)])) == "healthy · behind, by 5 min 0 s"


def test_what_could_not_be_asked_is_said_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = Status(NOON, (bad("NATS", "does not answer", "Check NATS_URL."),))

    print_table(status_group([unknown]))

    out = capsys.readouterr().out
    assert "not known" in out
    assert "dead letters" not in out
    assert out.splitlines()[-1] == "NATS is down"


def test_json_says_the_same() -> None:
    shown = json.loads(json_text(status_json([behind(0, 100, timedelta(minutes=3)), behind(2, 90, timedelta(minutes=3))])))

    assert (shown["healthy"], shown["pace"]) == (False, "catching up")
    assert shown["events"]["lag_seconds"] == 180
    assert shown["events"]["subjects"] == {"events.captured.0": 88, "events.captured.1": 2}
    assert shown["rates"] == {"in_per_second": 0, "out_per_second": 0}
    assert shown["turns"] == [{"job": "events-writer", "holder": None}]
    assert (shown["people"]["waiting"], shown["people"]["lag_seconds"]) == (1_200, 120)
    assert shown["dead_letters"]["count"] == 3
    assert shown["erasures"]["open"] == 2
    unknown = status_json([Status(NOON, ())])
    assert (unknown["events"], unknown["dead_letters"], unknown["turns"], unknown["rates"]) == (None, None, None, None)
