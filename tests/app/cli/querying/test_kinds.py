"""What each option says, told by `--dry-run`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def asked(run: Run, *command: str) -> dict[str, Any]:
    result = run("query", *command, "--dry-run")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_trend(run: Run) -> None:
    request = asked(
        run,
        *["trends", "--event", "page_view", "--event", "purchase: sum of price", "--metric", "persons", "--formula", "B / A"],
        *["--breakdown", "plan", "--breakdown", "@tier", "--limit", "3", "--moving-average", "7"],
        *["--granularity", "week", "--compare", "52w", "--approximate", "--preset", "last_90_days", "--time-zone", "Europe/Berlin"],
    )

    assert request == {
        "insight": {
            "trends": {
                "series": [
                    {"event": {"name": "page_view"}, "metric": {"kind": "KIND_PERSONS"}},
                    {"event": {"name": "purchase"}, "metric": {"kind": "KIND_SUM", "property": "price"}},
                ],
                "formulas": [{"expression": "B / A"}],
                "breakdowns": [{"property": "plan"}, {"property": "tier", "source": "SOURCE_PERSON"}],
                "breakdownLimit": 3,
                "transform": "TRANSFORM_MOVING_AVERAGE",
                "window": 7,
            }
        },
        "preset": "PRESET_LAST_90_DAYS",
        "granularity": "GRANULARITY_WEEK",
        "timeZone": "Europe/Berlin",
        "compare": {"offset": "31449600s"},
        "approximate": True,
    }
    assert asked(run, "trends", "--cumulative")["insight"]["trends"]["transform"] == "TRANSFORM_CUMULATIVE"


def test_a_segmentation(run: Run) -> None:
    request = asked(
        run,
        *["segmentation", "--event", "purchase", "--metric", "p90", "--property", "price", "--formula", "double = A * 2"],
        *["--breakdown", "session:$channel", "--limit", "5", "--compare", "previous", "--approximate"],
    )

    assert request["insight"]["segmentation"] == {
        "series": [{"event": {"name": "purchase"}, "metric": {"kind": "KIND_P90", "property": "price"}}],
        "formulas": [{"expression": "A * 2", "label": "double"}],
        "breakdowns": [{"property": "$channel", "source": "SOURCE_SESSION"}],
        "breakdownLimit": 5,
    }
    assert (request["compare"], request["approximate"]) == ({}, True)


def test_a_funnel(run: Run) -> None:
    request = asked(
        run,
        *["funnel", "--step", "page_view", "--step", "add_to_cart?", "--step", "purchase[price>=50]", "--order", "strict"],
        *[
            "--window",
            "7d",
            "--per-step",
            "--exclude",
            "refund",
            "--exclude",
            "logged out between 1 and 2",
            "--exclusion-effect",
            "cut_there",
        ],
        *["--count-by", "sessions", "--hold-constant", "plan", "--hold-constant", "country", "--breakdown", "plan", "--limit", "4"],
        *["--attribution", "2", "--timing", "--trend", "--granularity", "week"],
    )

    assert request["insight"]["funnel"] == {
        "steps": [
            {"event": {"name": "page_view"}},
            {"event": {"name": "add_to_cart"}, "optional": True},
            {"event": {"name": "purchase", "filters": [{"property": "price", "op": "OP_GTE", "values": [50.0]}]}},
        ],
        "order": "ORDER_STRICT",
        "window": "604800s",
        "windowScope": "WINDOW_SCOPE_PER_STEP",
        "exclusions": [
            {"event": {"name": "refund"}, "effect": "EFFECT_CUT_THERE"},
            {"event": {"name": "logged out"}, "fromStep": 1, "toStep": 2, "effect": "EFFECT_CUT_THERE"},
        ],
        "countBy": "COUNT_BY_SESSIONS",
        "holdConstant": ["plan", "country"],
        "breakdowns": [{"property": "plan"}],
        "breakdownLimit": 4,
        "attribution": "ATTRIBUTION_STEP",
        "attributionStep": 2,
        "timing": True,
        "trend": True,
    }
    assert request["granularity"] == "GRANULARITY_WEEK"
    assert asked(run, "funnel", "--attribution", "last_touch")["insight"]["funnel"] == {"attribution": "ATTRIBUTION_LAST_TOUCH"}


def test_a_retention(run: Run) -> None:
    request = asked(
        run,
        *["retention", "--start", "signed_up", "--return", "purchase[price>1]", "--period", "week", "--periods", "8", "--rolling"],
        *["--entry", "first_ever", "--or-after", "--minimum", "2", "--simple-mean", "--breakdown", "plan", "--limit", "2"],
    )

    assert request["insight"]["retention"] == {
        "start": {"name": "signed_up"},
        "return": {"name": "purchase", "filters": [{"property": "price", "op": "OP_GT", "values": [1.0]}]},
        "period": "PERIOD_WEEK",
        "periods": 8,
        "clock": "CLOCK_ROLLING",
        "entry": "ENTRY_FIRST_EVER",
        "mode": "MODE_ON_OR_AFTER",
        "minimum": 2,
        "simpleMean": True,
        "breakdowns": [{"property": "plan"}],
        "breakdownLimit": 2,
    }
    assert asked(run, "retention", "--brackets", "1, 6,23")["insight"]["retention"] == {
        "start": {},
        "mode": "MODE_BRACKETS",
        "brackets": [1, 6, 23],
    }


def test_a_stickiness_and_a_lifecycle(run: Run) -> None:
    sticky = asked(run, "stickiness", "--event", "page_view[plan=pro]", "--cumulative", "--granularity", "week")
    lifecycle = asked(run, "lifecycle", "--event", "purchase", "--granularity", "month")

    assert sticky["insight"]["stickiness"]["mode"] == "MODE_CUMULATIVE"
    assert sticky["insight"]["stickiness"]["event"]["filters"][0]["property"] == "plan"
    assert lifecycle["insight"] == {"lifecycle": {"event": {"name": "purchase"}}}
    assert (sticky["granularity"], lifecycle["granularity"]) == ("GRANULARITY_WEEK", "GRANULARITY_MONTH")


def test_a_flow(run: Run) -> None:
    request = asked(
        run,
        *["flow", "--by", "$pathname", "--group", "/products/*=Products", "--group", "/blog/*", "--start", "/", "--end", "/checkout"],
        *[
            "--event",
            "page_view",
            "--persons",
            "--gap",
            "1h",
            "--hops",
            "4",
            "--nodes",
            "9",
            "--links",
            "50",
            "--transitions",
            "--keep-repeats",
        ],
    )

    assert request["insight"]["flow"] == {
        "unit": "UNIT_PERSON",
        "node": "NODE_PROPERTY",
        "property": "$pathname",
        "groups": [{"pattern": "/products/*", "label": "Products"}, {"pattern": "/blog/*"}],
        "start": "/",
        "end": "/checkout",
        "scope": {"name": "page_view"},
        "maxHops": 4,
        "maxNodes": 9,
        "maxLinks": 50,
        "linkValue": "LINK_VALUE_TRANSITIONS",
        "keepRepeats": True,
        "gap": "3600s",
    }
    assert asked(run, "flow")["insight"] == {"flow": {}}


def test_a_top_k(run: Run) -> None:
    by_trait = asked(run, "top-k", "--by", "@tier", "--event", "purchase", "--metric", "sum", "--property", "price", "--limit", "20")
    persons = asked(run, "top-k", "--persons", "--omit-others")

    assert by_trait["insight"]["topK"] == {
        "dimension": "DIMENSION_PROPERTY",
        "property": "tier",
        "source": "SOURCE_PERSON",
        "scope": {"name": "purchase"},
        "metric": {"kind": "KIND_SUM", "property": "price"},
        "limit": 20,
    }
    assert persons["insight"]["topK"] == {"dimension": "DIMENSION_PERSON", "omitOthers": True}
    assert asked(run, "top-k")["insight"] == {"topK": {}}


def test_sessions(run: Run) -> None:
    request = asked(
        run,
        *["sessions", "--metric", "entry", "--property", "$pathname", "--event", "page_view", "--as", "segmentation", "--limit", "5"],
        *["--compare", "previous", "--granularity", "hour", "--preset", "today"],
    )

    assert request == {
        "insight": {
            "sessions": {
                "metric": "METRIC_ENTRY",
                "scope": {"name": "page_view"},
                "property": "$pathname",
                "as": "AS_SEGMENTATION",
                "breakdownLimit": 5,
            }
        },
        "preset": "PRESET_TODAY",
        "granularity": "GRANULARITY_HOUR",
        "compare": {},
    }
    assert asked(run, "sessions", "--breakdown", "plan")["insight"]["sessions"] == {"breakdowns": [{"property": "plan"}]}


KINDS = ["trends", "segmentation", "funnel", "retention", "stickiness", "lifecycle", "flow", "top-k", "sessions"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_framed_alike(run: Run, kind: str) -> None:
    request = asked(
        run,
        *[kind, "--from", "2026-03-01", "--to", "2026-03-08", "--time-zone", "Asia/Tokyo", "--week-start", "sunday"],
        *["--where", "plan=pro", "--where", "@tier=gold", "--any", "--include-cookieless", "--as-of-identity", "3"],
    )

    assert request["timeRange"] == {"from": "2026-02-28T15:00:00Z", "to": "2026-03-07T15:00:00Z"}
    assert (request["timeZone"], request["weekStart"], request["asOfIdentity"]) == ("Asia/Tokyo", "WEEK_START_SUNDAY", "3")
    assert request["insight"]["includeCookieless"]
    assert request["insight"]["filters"]["match"] == "MATCH_ANY"
    assert [each["property"] for each in request["insight"]["filters"]["filters"]] == ["plan", "tier"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_dry_run_is_a_question_for_file(run: Run, tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    file = tmp_path_factory.mktemp("asked") / "question.json"
    file.write_text(run("query", kind, "--where", "plan=pro", "--dry-run").stdout)

    assert asked(run, "--file", str(file)) == json.loads(file.read_text())
    assert asked(run, "--file", str(file), "--granularity", "week")["granularity"] == "GRANULARITY_WEEK"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["trends", "--cumulative", "--moving-average", "3"], "--moving-average"),
        (["trends", "--metric", "mode"], "median"),
        (["trends", "--compare", "last year"], "--compare"),
        (["funnel", "--window", "soon"], "14d"),
        (["funnel", "--attribution", "step"], "--attribution 2"),
        (["funnel", "--order", "sorted"], "any_order"),
        (["retention", "--brackets", "1-6"], "1,6,23"),
        (["retention", "--brackets", "1", "--or-after"], "--or-after"),
        (["top-k", "--by", "plan", "--persons"], "--persons"),
        (["sessions", "--metric", "length"], "bounce_rate"),
        (["--json", "trends"], "pug query trends"),
        (["--file", "-", "--where", "a b"], "--where"),
    ],
)
def test_options_that_make_no_sense_say_what_would(run: Run, command: list[str], message: str) -> None:
    result = run("query", *command, "--dry-run", input="{}") if command[0] != "--json" else run("query", *command)

    assert result.exit_code == 2
    assert message in result.stderr
    assert not result.stdout
