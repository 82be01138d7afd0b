"""Every kind of question, asked of a running Pug about ten events of four persons."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from pug_process import PugProcess

Run = Callable[..., Result]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAYS = [(TODAY + timedelta(days=day)).date().isoformat() for day in (-3, -2, -1, 0, 1)]
RANGE = ["--from", DAYS[0], "--to", DAYS[-1], "--where", "store=cli"]
# Who, on which day, after how many minutes, what; pro persons come on the first day.
STORY = [
    ("ann", 0, 0, "cli_view", {"plan": "pro"}),
    ("ann", 0, 1, "cli_cart", {"plan": "pro"}),
    ("ann", 0, 2, "cli_buy", {"plan": "pro", "price": 100}),
    ("ann", 1, 0, "cli_view", {"plan": "pro"}),
    ("bob", 0, 0, "cli_view", {"plan": "pro"}),
    ("bob", 0, 1, "cli_cart", {"plan": "pro"}),
    ("bob", 2, 0, "cli_view", {"plan": "pro"}),
    ("cid", 1, 0, "cli_view", {"plan": "free"}),
    ("dee", 1, 0, "cli_view", {"plan": "free"}),
    ("dee", 1, 5, "cli_buy", {"plan": "free", "price": 20}),
]


@pytest.fixture(scope="module")
def shop(pug: PugProcess) -> None:
    """The story, stored."""
    events = [
        {
            "name": name,
            "distinctId": f"cli-{who}",
            "occurredAt": (TODAY + timedelta(days=day - 3, hours=10, minutes=minute)).isoformat(),
            "properties": {"store": "cli", **properties},
        }
        for who, day, minute, name, properties in STORY
    ]
    assert pug.call("capture.v1.CaptureService/Capture", {"events": events})["accepted"] == len(STORY)
    accepted_until = datetime.now(UTC)
    # Names are known a moment after their events can be counted: until then an answer would hint that nobody has sent them.
    while complete_until(pug) < accepted_until:
        assert datetime.now(UTC) - accepted_until < timedelta(seconds=60), "the events were not stored"
        time.sleep(0.1)


def complete_until(pug: PugProcess) -> datetime:
    answer = pug.call("insights.v1.InsightsService/Query", {"insight": {"lifecycle": {}}, "preset": "PRESET_TODAY"})
    return datetime.fromisoformat(answer["meta"]["completeUntil"])


def answered(run: Run, *command: str) -> list[list[str]]:
    """The words of each line of the answer, without its rule and the line about it."""
    result = run("query", *command, *RANGE)
    assert result.exit_code == 0, result.output
    *lines, meta = result.stdout.splitlines()
    assert meta.startswith("exact · raw · ")
    return [line.split() for line in lines if line.strip() and "──" not in line]


@pytest.mark.usefixtures("shop")
def test_trends(run_with: Run) -> None:
    head, *days = answered(run_with, "trends", "--event", "cli_view", "--event", "cli_buy: sum of price")

    assert head == ["day", "A", "cli_view", "B", "cli_buy:", "sum", "of", "price"]
    assert [day[1:] for day in days[:4]] == [["2", "100"], ["3", "20"], ["1", "0"], ["0", "0"]]


@pytest.mark.usefixtures("shop")
def test_segmentation(run_with: Run) -> None:
    head, *rows = answered(run_with, "segmentation", "--event", "cli_buy", "--metric", "sum", "--property", "price", "--breakdown", "plan")

    assert head == ["plan", "value"]
    assert [row[:2] for row in rows] == [["pro", "100"], ["free", "20"]]


@pytest.mark.usefixtures("shop")
def test_funnel(run_with: Run) -> None:
    steps = ["--step", "cli_view", "--step", "cli_cart", "--step", "cli_buy"]

    _, *rows = answered(run_with, "funnel", *steps)
    _, *optional = answered(run_with, "funnel", "--step", "cli_view", "--step", "cli_cart?", "--step", "cli_buy[price<50]")

    assert [row[:3] for row in rows] == [["1", "cli_view", "4"], ["2", "cli_cart", "2"], ["3", "cli_buy", "1"]]
    assert rows[2][3:7] == ["25.0", "%", "50.0", "%"]
    assert optional[2][:4] == ["3", "cli_buy", "(filtered)", "1"]


@pytest.mark.usefixtures("shop")
def test_retention(run_with: Run) -> None:
    head, *rows = answered(run_with, "retention", "--start", "cli_view", "--periods", "2")

    assert head == ["day", "size", "1", "2"]
    assert rows[0] == [DAYS[0], "2", "50%█", "50%█"]
    assert [row[1] for row in rows[:4]] == ["2", "2", "0", "0"]


@pytest.mark.usefixtures("shop")
def test_stickiness(run_with: Run) -> None:
    _, *rows = answered(run_with, "stickiness", "--event", "cli_view")

    assert [row[:3] for row in rows] == [["1", "2", "50.0"], ["2", "2", "50.0"]]


@pytest.mark.usefixtures("shop")
def test_lifecycle(run_with: Run) -> None:
    head, *rows = answered(run_with, "lifecycle", "--event", "cli_view")

    assert head == ["day", "new", "returning", "resurrecting", "dormant"]
    assert [row[1:5] for row in rows[:4]] == [["2", "0", "0", "0"], ["2", "1", "0", "-1"], ["0", "0", "1", "-3"], ["0", "0", "0", "-1"]]


@pytest.mark.usefixtures("shop")
def test_flow(run_with: Run) -> None:
    rows = answered(run_with, "flow", "--start", "cli_view")

    assert rows[1][:5] == ["cli_view", "6", "─▶", "cli_cart", "2"]
    assert rows[2][:3] == ["▶", "cli_buy", "1"]
    assert rows[4][:5] == ["cli_cart", "2", "─▶", "cli_buy", "1"]


@pytest.mark.usefixtures("shop")
def test_top_k(run_with: Run) -> None:
    _, *names = answered(run_with, "top-k")
    _, *persons = answered(run_with, "top-k", "--persons", "--event", "cli_buy", "--metric", "sum", "--property", "price")

    assert [row[:3] for row in names] == [["1", "cli_view", "6"], ["2", "cli_buy", "2"], ["3", "cli_cart", "2"]]
    assert [row[:3] for row in persons] == [["1", "cli-ann", "100"], ["2", "cli-dee", "20"]]


@pytest.mark.usefixtures("shop")
def test_sessions(run_with: Run) -> None:
    bounced = answered(run_with, "sessions", "--metric", "bounce_rate", "--as", "segmentation")
    _, *days = answered(run_with, "sessions")

    assert bounced[-1] == ["bounce", "rate", "50.0", "%"]
    assert [day[1] for day in days[:4]] == ["2", "3", "1", "0"]


@pytest.mark.usefixtures("shop")
def test_a_file_is_answered_like_the_options_it_came_from(run_with: Run, tmp_path: Path) -> None:
    command = ["funnel", "--step", "cli_view", "--step", "cli_buy", "--breakdown", "plan"]
    file = tmp_path / "question.json"
    file.write_text(run_with("query", *command, *RANGE, "--dry-run").stdout)

    from_file = run_with("query", "--file", str(file), "--json")
    from_options = run_with("query", *command, *RANGE, "--json")

    assert json.loads(from_file.stdout)["funnel"] == json.loads(from_options.stdout)["funnel"]
    assert json.loads(from_file.stdout)["funnel"]["series"][0]["steps"][0]["count"] == "2"


@pytest.mark.usefixtures("shop")
def test_a_name_that_was_never_sent_is_hinted_at_below_the_answer(run_with: Run) -> None:
    lines = run_with("query", "segmentation", "--event", "cli_veiw").stdout.splitlines()

    assert lines[-1].startswith("hint: No event “cli_veiw” was ever sent")
    assert "“cli_view”" in lines[-1]


def test_what_the_server_refuses_is_one_line_with_field_and_hint(run_with: Run) -> None:
    result = run_with("query", "funnel", "--step", "cli_view")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: insight.funnel.steps: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
