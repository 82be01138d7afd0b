"""Browsers, systems and devices, by their User-Agents as they are sent."""

from collections.abc import Callable

import pytest

from browsers import ANDROID, BROWSERS, LINUX, WEBVIEW, WINDOWS
from services.capture.context.client_hints import NO_HINTS, Hints
from services.capture.context.user_agents import describe

Context = Callable[..., dict[str, object]]


@pytest.mark.parametrize(("user_agent", "browser", "version", "os", "os_version", "device", "mobile"), BROWSERS)
def test_a_user_agent_names_browser_system_and_device(  # noqa: PLR0917 (the columns of the table)
    context: Context,
    user_agent: str,
    browser: str,
    version: str,
    os: str,
    os_version: str,
    device: str,
    mobile: bool,  # noqa: FBT001
) -> None:
    expected = {"$browser": browser, "$browser_version": version, "$os": os, "$os_version": os_version, "$device": device}

    assert context({"user-agent": user_agent}) == {key: value for key, value in expected.items() if value} | {"$mobile": mobile}


@pytest.mark.parametrize(
    "user_agent", ["", " ", "-", "garbage", "Mozilla/5.0", "node", "undici", "Dart/3.2 (dart:io)", "é" * 50, "日本語", "\x00\x01", "\ud800"]
)
def test_a_user_agent_that_says_nothing_sets_nothing(context: Context, user_agent: str) -> None:
    assert context({"user-agent": user_agent}) == {}


@pytest.mark.parametrize(
    "evil", ["a", "(", "Mozilla/5.0 (", "bot", " bot/1.0", "Macintosh; ", "; Android", '"\\', "1.2.", "é", "\ud800", "\x00", "Chrome/1 "]
)
def test_a_user_agent_of_any_length_is_read(context: Context, evil: str) -> None:
    found = context({"user-agent": evil * (10_240 // len(evil)), "sec-ch-ua": evil * 1_000})

    assert all(len(value) <= 200 for value in found.values() if isinstance(value, str))


def test_what_stands_beyond_the_thousandth_character_is_not_read(context: Context) -> None:
    assert context({"user-agent": f"{'x' * 1_000} {WINDOWS}"}) == {}


MOBILE_CHROME = f"{ANDROID} Chrome/124.0.0.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "hints", "expected"),
    [
        (WINDOWS, Hints("Brave", "124"), {"$browser": "Brave", "$browser_version": "124", "$os": "Windows", "$os_version": "10"}),
        (WINDOWS, Hints(os="Windows", os_version="11"), {"$browser": "Google Chrome", "$os": "Windows", "$os_version": "11"}),
        (WINDOWS, Hints(os="Windows"), {"$os": "Windows", "$os_version": "10"}),
        (WINDOWS, Hints(os="Linux"), {"$os": "Linux", "$os_version": None}),
        (WINDOWS, Hints("Chromium", "124"), {"$browser": "Chromium", "$browser_version": "124"}),
        (f"{WINDOWS} Vivaldi/6.7", Hints("Chromium", "124"), {"$browser": "Vivaldi", "$browser_version": "6"}),
        (
            f"{WEBVIEW} Chrome/124.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/460.0;]",
            Hints("Android WebView", "124"),
            {"$browser": "Facebook"},
        ),
        (
            MOBILE_CHROME,
            Hints(model="Pixel 7", os="Android", os_version="14"),
            {"$device": "Pixel 7", "$os_version": "14", "$mobile": True},
        ),
        (MOBILE_CHROME, Hints(mobile=False), {"$mobile": False}),
        (LINUX, Hints(os="Android", mobile=True), {"$os": "Android", "$mobile": True}),
        (
            "",
            Hints("Google Chrome", "124", "macOS", "14.5.0", mobile=False),
            {"$browser": "Google Chrome", "$os": "macOS", "$mobile": False},
        ),
    ],
)
def test_hints_win_over_the_user_agent(user_agent: str, hints: Hints, expected: dict[str, object]) -> None:
    found = describe(user_agent, hints)

    assert {key: found.get(key) for key in expected} == expected


def test_without_hints_the_user_agent_is_all_there_is() -> None:
    assert describe(WINDOWS, NO_HINTS)["$os_version"] == "10"


def test_the_headers_of_a_browser_come_together(context: Context) -> None:
    found = context(
        {
            "user-agent": f"{WINDOWS} Edg/124.0.0.0",
            "sec-ch-ua": '"Chromium";v="124", "Microsoft Edge";v="124", "Not-A.Brand";v="99"',
            "sec-ch-ua-mobile": "?0",
            "sec-ch-ua-platform": '"Windows"',
            "sec-ch-ua-platform-version": '"15.0.0"',
        }
    )

    assert found == {"$browser": "Microsoft Edge", "$browser_version": "124", "$os": "Windows", "$os_version": "11", "$mobile": False}
