import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.cli.doctor.checks import bad, good
from app.cli.output import json_text, print_table
from app.cli.status.facts import Consumer, DeadStream, EventStream, OpenJobs, People, Schema, Severity, Status, Turn, problems
from app.cli.status.rendering import status_group, status_json, verdict
from app.disk import Space
from app.reporting.report import Report, Store, Table
from core.pulse import Block, SlowQuery

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
        OpenJobs(2, now - timedelta(minutes=5)),
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


GIB = 2**30
SLOW = SlowQuery(NOON, 7, "InsightsService/Query", "funnel", "funnel{}", "f", "s", "events", 12.34, 0.5, 9_000_000, None, "TIMEOUT", "")
STORE = Store(NOON, NOON, "26.9", 50 * GIB, 100 * GIB, 3 * GIB, 1200, (Table("events", 5, GIB, 1500),), "0009_rollups")


def process(pid: int, *, slow: tuple[SlowQuery, ...] = (), store: Store | None = None, block: Block | None = None) -> Report:
    began = NOON - timedelta(hours=2)
    return Report(NOON, "here", pid, "0.1.0", ("query", "work"), began, GIB, 10.5, 8, 0.25, block, slow, store)


def at_work(**more: Any) -> Status:  # noqa: ANN401 (as a status is given)
    given: dict[str, Any] = {
        "processes": (
            process(1, slow=(replace(SLOW, seconds=6),), block=Block(NOON - timedelta(minutes=1), 1, 1)),
            process(2, slow=(SLOW,), store=STORE, block=Block(NOON - timedelta(seconds=3), 48_000, 0.42)),
        ),
        "disk": Space(30 * GIB, 100 * GIB),
        "schema": Schema("0006_dashboards", "0006_dashboards", 9 * 2**20),
    }
    return Status(NOON, (FINE,), **{**given, **more})


def test_what_processes_say_is_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(status_group([at_work()]))

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    facts = {line[:20].strip(): line[20:].strip() for line in lines}
    assert facts["last minute"] == "21.0 accepted · 16.0 stored · 0.5 queries a second"
    assert facts["last block"] == "48,000 events in 0.42 s, 3.0 s ago"
    assert facts["slow queries"] == "2 in the last hour · `pug queries slow`"
    assert [line.strip() for line in lines if "project 7" in line] == [
        "12.3 s funnel · project 7 · events, 9,000,000 rows · TIMEOUT",
        "6.0 s funnel · project 7 · events, 9,000,000 rows · TIMEOUT",
    ]
    assert facts["disk, data folder"] == "30.0 GiB free of 100.0 GiB (30%)"
    assert facts["ClickHouse"] == "1.0 GiB on the disk in 1,500 parts, at most 1,200 in a partition · 3.0 GiB of memory"
    assert facts["PostgreSQL"] == "9.0 MiB on the disk"
    assert facts["schema"] == "PostgreSQL 0006_dashboards · ClickHouse 0009_rollups"
    assert facts["process 2"] == "query, work · 1.0 GiB · for 2 h 0 min · 0.1.0 on here"
    assert lines[-1] == "healthy"


@pytest.mark.parametrize(
    ("change", "words", "problem"),
    [
        ({"disk": Space(5 * GIB, 100 * GIB)}, "healthy; little room is left on the disk (data folder)", False),
        ({"disk": Space(GIB // 2, 100 * GIB)}, "the disk is nearly full (data folder)", True),
        ({"disk": None}, "healthy", False),
        (
            {"disk": None, "processes": (process(1, store=replace(STORE, disk_free=10)),)},
            "the disk is nearly full (ClickHouse)",
            True,
        ),
        ({"schema": Schema("0005", "0006", 1)}, "healthy; the schema is of another version", False),
        (
            {"processes": (process(1), replace(process(2), version="0.2.0"))},
            "healthy; processes of several versions run",
            False,
        ),
    ],
)
def test_a_disk_that_fills_and_versions_that_differ_are_told_before_anything_is_down(
    change: dict[str, Any], words: str, *, problem: bool
) -> None:
    status = at_work(**change)

    assert (str(verdict([status])), bool(problems(status))) == (words, problem)


def test_a_process_that_clickhouse_does_not_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    silent = replace(process(1, store=STORE), store_answers=False)

    print_table(status_group([at_work(processes=(silent,))]))

    assert "ClickHouse does not answer it" in capsys.readouterr().out
    assert problems(at_work(processes=(silent,))) == ["ClickHouse does not answer process 1"]


def test_processes_that_do_not_answer_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(status_group([at_work(processes=())]))

    assert "none answers" in capsys.readouterr().out


def test_json_has_all_that_processes_say() -> None:
    shown = json.loads(json_text(status_json([at_work()])))

    assert [each["pid"] for each in shown["processes"]] == [1, 2]
    assert [each["seconds"] for each in shown["slow_queries"]] == [12.34, 6]
    assert shown["last_block"]["rows"] == 48_000
    assert shown["disks"] == {"data folder": {"free": 30 * GIB, "size": 100 * GIB}}
    assert (shown["clickhouse"]["schema"], shown["schema"]["postgres"]) == ("0009_rollups", "0006_dashboards")


def test_a_watched_status_has_its_verdict_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(status_group([at_work()], live=True))

    assert capsys.readouterr().out.splitlines()[0] == "healthy"
