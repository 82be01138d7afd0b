"""Browser, operating system and device, named as Chromium's client hints name them."""

import re

import ua_parser

from services.capture.context.client_hints import GENERIC_BRANDS, Hints

_BROWSERS = {
    "Chrome": "Google Chrome",
    "Chrome Mobile": "Google Chrome",
    "Chrome Mobile iOS": "Google Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Edge": "Microsoft Edge",
    "Edge Mobile": "Microsoft Edge",
    "Mobile Safari": "Safari",
    "Opera Mobile": "Opera",
    "Yandex Browser": "YaBrowser",
}
# Names in a User-Agent that say no more than a generic brand does.
_GENERIC_BROWSERS = GENERIC_BRANDS | {"", "Google Chrome"}
_SYSTEMS = {"Mac OS X": "macOS"}
# Hints say Linux, and a distribution's version is not Linux's.
_DISTRIBUTIONS = frozenset(
    {
        "Arch Linux", "CentOS", "Debian", "Fedora", "Gentoo", "Kubuntu", "Linux Mint", "Mageia", "Mandriva", "Mint", "PCLinuxOS", "Red Hat",
        "Slackware", "SUSE", "Ubuntu", "openSUSE",
    }
)  # fmt: skip
# Not a device: every Mac is a "Mac", and "K" is what Chrome writes instead of any Android device.
_NO_DEVICES = frozenset({"", "K", "Mac", "Other"})
# An iPad that asks for desktop pages says it is a Mac, but Chrome, Edge and in-app browsers on it give themselves away.
_IPAD_AS_MAC = re.compile(r"Macintosh;.{0,400}\bMobile/")

UserAgentProperties = dict[str, str | bool]


def describe(user_agent: str, hints: Hints) -> UserAgentProperties:
    """The `$` properties of a User-Agent and the hints beside it; where both speak, the hints win. Empty when neither tells anything."""
    properties = _parsed(user_agent)
    if hints.browser and (hints.browser not in GENERIC_BRANDS or properties.get("$browser", "") in _GENERIC_BROWSERS):
        properties["$browser"] = hints.browser
        properties["$browser_version"] = hints.browser_version
    if hints.os:
        if hints.os_version or hints.os != properties.get("$os"):
            properties["$os_version"] = hints.os_version
        properties["$os"] = hints.os
    if hints.model and hints.model not in _NO_DEVICES:
        properties["$device"] = hints.model
    if hints.mobile is not None:
        properties["$mobile"] = hints.mobile
    # A hint may have made unknown what the User-Agent said of another browser.
    return {key: value for key, value in properties.items() if value != ""}


def _parsed(user_agent: str) -> UserAgentProperties:
    found = ua_parser.parse(user_agent)
    properties: UserAgentProperties = {}
    if found.user_agent and found.user_agent.family != "Other":
        properties["$browser"] = _BROWSERS.get(found.user_agent.family, found.user_agent.family)
        properties["$browser_version"] = found.user_agent.major or ""
    if found.os and found.os.family != "Other":
        properties |= _system(found.os)
    if found.device and found.device.family not in _NO_DEVICES and not found.device.family.startswith("Generic "):
        properties["$device"] = found.device.family
    if properties.get("$os") in {"macOS", "iOS"} and _IPAD_AS_MAC.search(user_agent):
        properties |= {"$os": "iOS", "$os_version": "", "$device": "iPad"}
    if properties:
        properties["$mobile"] = _is_mobile(user_agent, properties)
    return properties


def _system(os: ua_parser.OS) -> UserAgentProperties:
    if os.family in _DISTRIBUTIONS:
        return {"$os": "Linux"}
    parts: list[str] = []
    for part in (os.major, os.minor, os.patch):
        if not part:
            break
        parts.append(part)
    return {"$os": _SYSTEMS.get(os.family, os.family), "$os_version": ".".join(parts)}


def _is_mobile(user_agent: str, properties: UserAgentProperties) -> bool:
    match properties.get("$os"):
        case "iOS":
            return not str(properties.get("$device", "")).startswith("iPad")
        case "Android":
            # A tablet's says only Android.
            return "Mobile" in user_agent
        case _:
            return False
