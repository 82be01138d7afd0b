import pytest

from services.capture.context.client_hints import HINT_HEADERS, Hints, hint_values, read_hints

CHROME = '"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"'


def hints(**headers: str) -> Hints:
    return read_hints(hint_values({f"sec-ch-{name.replace('_', '-')}": value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("brands", "browser", "version"),
    [
        (CHROME, "Google Chrome", "124"),
        ('" Not A;Brand";v="99", "Chromium";v="96", "Google Chrome";v="96"', "Google Chrome", "96"),
        ('"Not A(Brand";v="8", "Chromium";v="132", "Microsoft Edge";v="132"', "Microsoft Edge", "132"),
        ('"(Not(A:Brand";v="99", "Opera";v="110", "Chromium";v="124"', "Opera", "110"),
        ('"Brave";v="125", "Chromium";v="125", "Not.A/Brand";v="24"', "Brave", "125"),
        ('"Samsung Internet";v="24", "Chromium";v="117", "Not;A=Brand";v="8"', "Samsung Internet", "24"),
        ('"Chromium";v="122", "Not(A:Brand";v="24", "YaBrowser";v="24.4", "Yowser";v="2.5"', "YaBrowser", "24"),
        ('"Google Chrome";v="120", "Vivaldi";v="6.5", "Chromium";v="120"', "Vivaldi", "6"),
        ('"\\\\Not\\"A;Brand";v="99", "Chromium";v="90"', "Chromium", "90"),
        ('"Android WebView";v="124", "Chromium";v="124", "Not-A.Brand";v="99"', "Android WebView", "124"),
        ('"Not-A.Brand";v="99"', "", ""),
        ("Chrome", "", ""),
        ('"Chrome";v=""', "", ""),
        ("", "", ""),
    ],
)
def test_the_most_particular_brand_is_the_browser(brands: str, browser: str, version: str) -> None:
    found = hints(ua=brands)

    assert (found.browser, found.browser_version) == (browser, version)


def test_the_full_versions_are_read_when_the_short_ones_are_missing() -> None:
    found = hints(ua_full_version_list='"Chromium";v="124.0.6367.60", "Google Chrome";v="124.0.6367.60"')

    assert (found.browser, found.browser_version) == ("Google Chrome", "124")


@pytest.mark.parametrize(
    ("platform", "version", "os", "os_version"),
    [
        ('"Windows"', '"15.0.0"', "Windows", "11"),
        ('"Windows"', '"13.0.0"', "Windows", "11"),
        ('"Windows"', '"10.0.0"', "Windows", "10"),
        ('"Windows"', '"0.3.0"', "Windows", "8.1"),
        ('"Windows"', '"0.1.0"', "Windows", "7"),
        ('"macOS"', '"14.5.0"', "macOS", "14.5.0"),
        ('"Android"', '"14"', "Android", "14"),
        ('"Chromium OS"', '"15359.58.0"', "Chrome OS", "15359.58.0"),
        ('"Linux"', '""', "Linux", ""),
        ('"macOS"', '"nonsense"', "macOS", ""),
        ('"Unknown"', '""', "", ""),
        ("windows", "", "", ""),
    ],
)
def test_platforms_are_read(platform: str, version: str, os: str, os_version: str) -> None:
    found = hints(ua=CHROME, ua_platform=platform, ua_platform_version=version)

    assert (found.os, found.os_version) == (os, os_version)


@pytest.mark.parametrize(("value", "mobile"), [("?1", True), ("?0", False), ("", None), ("true", None), ("?1, ?1", None)])
def test_mobile_is_a_structured_boolean(value: str, mobile: bool | None) -> None:  # noqa: FBT001 (a case of the table)
    assert hints(ua=CHROME, ua_mobile=value).mobile is mobile


def test_a_browser_that_sends_no_brands_sends_no_hints() -> None:
    assert hint_values({"sec-ch-ua-platform": '"Windows"', "user-agent": "x"}) == ()
    assert read_hints(()) == Hints()


@pytest.mark.parametrize("evil", ['"' * 10_000, '"\\' * 5_000, '"a";v=' * 2_000, "not" * 3_000, "\ud800\x00é" * 1_000, '"_' * 4_000])
def test_no_hint_is_too_odd_to_be_read(evil: str) -> None:
    values = hint_values(dict.fromkeys(HINT_HEADERS, evil))

    assert max(map(len, values)) <= 400
    assert read_hints(values).os == ""
