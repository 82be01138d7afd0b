"""Cookieless visitors from outside: over HTTP, to the answer of a query and to what lies on the disk."""

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from pug_process import PugProcess
from visiting import FIREFOX


def send(pug: PugProcess, name: str, user_agent: str, *events: dict[str, object]) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {pug.notes['write_key']}",
        "Content-Type": "application/json",
        "User-Agent": user_agent,
        "X-Forwarded-For": "198.51.100.77",
    }
    body = json.dumps({"events": [{"name": name, "cookieless": True} | event for event in events or ({},)]}).encode()
    with urlopen(Request(f"{pug.notes['http_url']}/pug.capture.v1.CaptureService/Capture", body, headers), timeout=30) as response:
        return json.load(response)


def count(pug: PugProcess, name: str, metric: str, *, include: bool) -> int:
    trends = {"series": [{"event": {"name": name}, "metric": {"kind": metric}}]}
    question = {"insight": {"trends": trends, "includeCookieless": include}, "preset": "PRESET_TODAY"}
    return int(sum(pug.call("insights.v1.InsightsService/Query", question)["trends"]["series"][0]["values"]))


def test_a_browser_is_one_visitor_and_another_browser_another(pug: PugProcess) -> None:
    for user_agent in (FIREFOX, FIREFOX, "curl/8.0"):
        assert send(pug, "cookieless_visit", user_agent) == {"accepted": 1, "duplicates": 0, "rejected": 0, "problems": []}

    assert pug.settled_total("cookieless_visit", 3) == 3
    assert count(pug, "cookieless_visit", "KIND_PERSONS", include=True) == 2
    assert count(pug, "cookieless_visit", "KIND_PERSONS", include=False) == 0
    assert [count(pug, "cookieless_visit", "KIND_SESSIONS", include=include) for include in (False, True)] == [2, 2]


def test_an_event_that_says_who_it_is_beside_is_told_how_to_be_sent(pug: PugProcess) -> None:
    answer = send(pug, "cookieless_wrong", FIREFOX, {"distinctId": "ann"}, {})

    assert answer["accepted"] == 1
    assert [(problem["reason"], problem["field"]) for problem in answer["problems"]] == [("COOKIELESS_DISTINCT_ID", "distinctId")]


def test_neither_the_address_nor_the_user_agent_is_kept_anywhere(pug: PugProcess) -> None:
    agent = "A-very-peculiar-agent/1.0"

    three: list[dict[str, object]] = [{"properties": {"$ip": "198.51.100.77"}}] * 3

    send(pug, "cookieless_kept_nowhere", agent, *three)

    assert pug.settled_total("cookieless_kept_nowhere", 3) == 3
    assert holding(pug.data_dir, b"cookieless_kept_nowhere")
    assert not holding(pug.data_dir, b"198.51.100.77")
    assert not holding(pug.data_dir, agent.encode())


def holding(folder: Path, what: bytes) -> list[Path]:
    """The files of the stream and of everything else that hold some bytes."""
    found: list[Path] = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and what in path.read_bytes():
                found.append(path)
        except FileNotFoundError:  # a part that was merged meanwhile
            continue
    return found
