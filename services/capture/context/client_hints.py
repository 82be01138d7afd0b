"""What a Chromium browser says of itself in headers of their own: brand, platform, whether it is mobile, model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

HINT_HEADERS = (
    "sec-ch-ua",
    "sec-ch-ua-full-version-list",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
    "sec-ch-ua-model",
)
_MAX_HEADER = 400

_BRAND = re.compile(r'"((?:[^"\\]|\\.){1,40})"\s*;\s*v="(\d{1,6})[^"]{0,40}"')
# A made-up brand, spelt anew by each version ("Not A(Brand", "Not;A=Brand", "(Not_A-Brand"), to keep servers from relying on the list.
_MADE_UP = re.compile(r"[\W_]*not[\W_]*a?[\W_]*brand[\W_]*", re.IGNORECASE)
# What a browser is built from. An app that shows pages has no brand of its own: its User-Agent says more.
GENERIC_BRANDS = frozenset({"Chromium", "Android WebView", "Microsoft Edge WebView2", "Yowser"})
_PLATFORMS = {name: name for name in ("Windows", "macOS", "Linux", "Android", "iOS", "Chrome OS", "Fuchsia")} | {
    "Chromium OS": "Chrome OS",
    "ChromeOS": "Chrome OS",
}
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")
_WINDOWS_BEFORE_10 = {"0.1": "7", "0.2": "8", "0.3": "8.1"}
_FIRST_WINDOWS_11 = 13


@dataclass(frozen=True, slots=True)
class Hints:
    """Each is empty, or None, when the browser didn't say."""

    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""
    mobile: bool | None = None
    model: str = ""


NO_HINTS = Hints()


def hint_values(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The headers that `read_hints` reads, cut to a length that no browser needs; empty when there are none."""
    # Every browser that sends any sends this one, and most requests come from servers or from Safari and Firefox, which send none.
    if "sec-ch-ua" not in headers and "sec-ch-ua-full-version-list" not in headers:
        return ()
    return tuple(headers.get(name, "")[:_MAX_HEADER] for name in HINT_HEADERS)


def read_hints(values: tuple[str, ...]) -> Hints:
    """The hints in the values of `HINT_HEADERS`; what makes no sense is left out."""
    if not values:
        return NO_HINTS
    brands, full_brands, mobile, platform, version, model = values
    browser, browser_version = _brand(brands) or _brand(full_brands) or ("", "")
    os = _PLATFORMS.get(_unquoted(platform), "")
    return Hints(
        browser=browser,
        browser_version=browser_version,
        os=os,
        os_version=_os_version(os, _unquoted(version)),
        mobile={"?1": True, "?0": False}.get(mobile.strip()),
        model=_unquoted(model),
    )


def _brand(header: str) -> tuple[str, str] | None:
    """The most particular brand of the list: every one made of Chromium names Chromium beside itself."""
    brands = [(name, major) for name, major in _BRAND.findall(header) if not _MADE_UP.fullmatch(name)]
    particular = [brand for brand in brands if brand[0] not in GENERIC_BRANDS]
    # A browser made of Chrome may name that too.
    own = [brand for brand in particular if brand[0] != "Google Chrome"]
    # Of the generic ones, a WebView says more than Chromium.
    webviews = [brand for brand in brands if brand[0] != "Chromium"]
    return next(iter(own or particular or webviews or brands), None)


def _os_version(os: str, version: str) -> str:
    if not _VERSION.fullmatch(version):
        return ""
    parts = version.split(".")[:3]
    if os != "Windows":
        return ".".join(parts)
    major = int(parts[0])
    if major == 0:
        return _WINDOWS_BEFORE_10.get(".".join(parts[:2]), "")
    return "11" if major >= _FIRST_WINDOWS_11 else "10"


def _unquoted(value: str) -> str:
    return value.strip().strip('"').strip()
