"""`pug queries slow` beside a Pug to which every query is slow, and where none runs."""

import json
from collections.abc import Callable

from typer.testing import Result

from pug_process import PugProcess

Run = Callable[..., Result]
SECRET = "ann@example.com"


def test_slow_queries_are_listed_with_what_was_asked_and_nobodys_data(run_with: Run, pug: PugProcess) -> None:
    filters = [{"property": "email", "op": "OP_IS_NOT", "values": [SECRET]}]
    series = [{"event": {"name": "secretly_named", "filters": filters}}]
    pug.call("insights.v1.InsightsService/Query", {"insight": {"trends": {"series": series}}, "preset": "PRESET_LAST_7_DAYS"})

    found = json.loads(run_with("queries", "slow", "--json", "--limit", "1000").stdout)
    shown = run_with("queries", "slow", "--limit", "1000").stdout

    outline = "trends{series[{event{name filters[{property=email op=OP_IS_NOT values(1)}]}}]} preset=PRESET_LAST_7_DAYS"
    (asked,) = [each for each in found if each["outline"] == outline]
    assert (asked["rpc"], asked["kind"], asked["source"]) == ("InsightsService/Query", "trends", "events")
    assert [each["seconds"] for each in found] == sorted((each["seconds"] for each in found), reverse=True)
    assert outline in shown
    assert SECRET not in shown + str(found)
    assert "secretly_named" not in shown + str(found)


def test_where_no_pug_runs_the_fix_is_told(run: Run) -> None:
    result = run("queries", "slow")

    assert result.exit_code == 1
    assert "pug dev" in result.output
