"""The board for Grafana, the alerts for Prometheus and the table of docs/operations.md are about the metrics that a real Pug serves."""

import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pug_process import PugProcess

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "deploy" / "grafana" / "pug.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
OPERATIONS = ROOT / "docs" / "operations.md"
TRENDS = {"insight": {"trends": {"series": [{"event": {"name": "pressed"}}]}}, "preset": "PRESET_LAST_7_DAYS"}
_NAME = re.compile(r"\b(?:pug|process)_[a-z_]+\b")
_LABELS = re.compile(r"([a-z_]+)(?:=~|=|!=)\"|by \(([a-z_, ]+)\)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The names of all samples of a Pug that did a little of everything, each with its labels."""
    pug = PugProcess(tmp_path_factory.mktemp("pug") / "data")
    pug.start()
    _do_everything(pug)
    with urlopen(pug.notes["metrics_url"], timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    yield {sample.name: set(sample.labels) for family in families for sample in family.samples}
    assert pug.stop() == 0


def _do_everything(pug: PugProcess) -> None:
    event = {"eventId": str(uuid.uuid4()), "name": "pressed", "distinctId": "ann", "occurredAt": "1999-01-01T00:00:00Z"}
    # One that is taken with a warning, and one that is refused.
    receipt = pug.call("capture.v1.CaptureService/Capture", {"events": [event, {"name": "", "distinctId": "ann"}]})
    assert (receipt["accepted"], receipt["rejected"]) == (1, 1)
    pug.call("insights.v1.InsightsService/Query", TRENDS)
    board = pug.call(
        "dashboards.v1.DashboardsService/CreateDashboard", {"name": "b", "tiles": [{"name": "t", "insight": TRENDS["insight"]}]}
    )
    _render(pug, board["dashboard"]["id"])
    status, _ = pug.answer("accounts.v1.AccountsService/SignIn", {"email": "ann@example.com", "password": "wrong password"})
    assert status == 401
    _until_stored(pug)


def _render(pug: PugProcess, board_id: str) -> None:
    body = json.dumps({"id": board_id}).encode()
    headers = {"Authorization": f"Bearer {pug.notes['secret_key']}", "Content-Type": "application/connect+json"}
    framed = b"\0" + len(body).to_bytes(4, "big") + body
    url = f"{pug.notes['http_url']}/pug.dashboards.v1.DashboardsService/RenderDashboard"
    with urlopen(Request(url, framed, headers), timeout=30) as told:
        assert b'"answer"' in told.read()


def _until_stored(pug: PugProcess) -> None:
    """Until the event is stored and the engines have been asked, or for so long that something is wrong."""
    text, until = "", time.monotonic() + 60
    while not (re.search(r"^pug_events_stored_total 1", text, re.MULTILINE) and "pug_engine_up" in text and "pug_stream_bytes" in text):
        assert time.monotonic() < until, text
        time.sleep(0.1)
        with urlopen(pug.notes["metrics_url"], timeout=10) as answer:
            text = answer.read().decode()


def expressions_of_the_board() -> list[str]:
    board = json.loads(BOARD.read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


def rules() -> list[dict[str, Any]]:
    return [rule for group in msgspec.yaml.decode(ALERTS.read_bytes())["groups"] for rule in group["rules"]]


def names_in(expressions: Iterable[str]) -> set[str]:
    return {name for expression in expressions for name in _NAME.findall(expression)}


def base(name: str) -> str:
    """A sample's metric, as the table of the docs calls it."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.mark.parametrize("expressions", [expressions_of_the_board(), [rule["expr"] for rule in rules()]], ids=["board", "alerts"])
def test_each_metric_and_label_that_is_asked_for_is_served(served: dict[str, set[str]], expressions: list[str]) -> None:
    assert names_in(expressions) - set(served) == set()

    for expression in expressions:
        known = {label for name in names_in([expression]) for label in served[name]} | {"instance", "le"}
        asked = {label for one, several in _LABELS.findall(expression) for label in (one, *several.replace(" ", "").split(",")) if label}
        assert asked <= known, expression


def test_each_metric_of_pug_is_on_the_board_and_in_the_docs(served: dict[str, set[str]]) -> None:
    ours = {base(name) for name in served if name.startswith("pug_") and not name.endswith("_created")}
    documented = names_in(line.split("|")[1] for line in OPERATIONS.read_text().splitlines() if line.startswith("| `pug_"))

    assert ours - {base(name) for name in names_in(expressions_of_the_board())} == set()
    assert documented == ours


def test_no_label_holds_whose_it_is(served: dict[str, set[str]]) -> None:
    labels = {label for name, labels in served.items() if name.startswith("pug_") for label in labels}

    assert labels == {"method", "code", "reason", "kind", "source", "outcome", "engine", "le"}


def test_the_board_is_whole() -> None:
    board = json.loads(BOARD.read_text())
    panels = board["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "instance"}
    sources = [target["datasource"]["uid"] for panel in panels for target in panel.get("targets", ())]
    assert set(sources) == {"${datasource}"}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert all(rule["annotations"][name] for name in ("summary", "description"))
        assert all(rule["expr"].count(opening) == rule["expr"].count(closing) for opening, closing in ("()", "[]", "{}"))
