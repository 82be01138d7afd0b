"""Which requests come from machines that read pages: crawlers, link previewers, monitors, automated browsers."""

import re
from collections.abc import Iterable, Iterator
from typing import TypedDict, cast

import ua_parser_rs
from crawleruseragents import CRAWLER_USER_AGENTS_DATA


class _Entry(TypedDict):
    pattern: str
    tags: list[str]
    instances: list[str]


# HTTP libraries are how servers send events: what the list tags so is no bot, except for these, which are made for crawling.
_LIBRARY = "http-library"
CRAWLING_LIBRARIES = frozenset(
    {
        "GoParserBot", "HTTrack", "Scrapy", "SimpleCrawler", "colly", "crawler4j", "larbin", r"newspaper\/", "phpcrawl", "python-opengraph",
        "rawweb-bot", "trafilatura",
    }
)  # fmt: skip
# For the same reason neither are platforms that call others on behalf of their users' code or shops: their webhooks and callouts.
PLATFORMS = frozenset(
    {
        "AppEngine-Google", "Bitbucket-Webhooks", "Cloudflare-Stream-Webhook", "Google-Apps-Script", r"IFTTT\/", "Indy Library",
        r"Integromat\/", r"Klaviyo\/", r"Make\/", "Mollie HTTP client", r"Omnisend\/", r"PayPal\/", r"Recurly Webhooks\/", r"Retool\/",
        r"SFDC-Callout\/", "SendGrid Event API", "Shopify-Captain-Hook", r"Snipcart\/", r"Stape\/", r"Stripe\/", r"Svix-Webhooks\/",
        r"TwilioProxy\/", r"WordPress\/", "Zapier", "Zendesk Webhook", r"(^| )sentry\/", "Datadog Agent", "HubSpot", "NextCloud", "Splunk",
    }
)  # fmt: skip
# Listed, but people use them: an Android version, Facebook's in-app browser, editors and desktop apps with a browser inside.
PEOPLE = frozenset({r"AP3A\.240617\.008", r"Code\/1\.", "Fluid", r"Grammarly\/", "MetaIAB Facebook", r"Trae\/", r"Tumblr\/", "linko"})
# Patterns that are also part of the names of apps or devices.
NARROWER = {
    "Adventurer": "^Adventurer",
    "Charlotte": r"\(Charlotte\/",
    "Determ": "^Determ",
    "Magellan": "^Magellan",
    "Hotjar": "Hotjar Version",
    "Nitro-": "Nitro-(Optimizer|;)",
    r"Notion\/": r"^Notion\/",
    "Sogou": "Sogou[a-zA-Z ]*[sS]pider",
    "Sonic": r"Sonic(SiteAuditor)?\/",
    "Trove": r"Trove\/",
    r"Valve\/Steam": r"Valve\/Steam HTTP Client",
    "Viber": "^Viber",
    "WhatsApp": "^WhatsApp",
    "Yeti": r"Yeti\/",
    r"mail\.ru": r"top\.mail\.ru",
}
_OUT = PLATFORMS | PEOPLE
# What browsers and phone apps are made of. `WhatsApp` alone is a previewer; behind these it is the app around a page somebody reads.
_BROWSER = re.compile(r"AppleWebKit/|Gecko/|Trident/|Presto/|MSIE |CFNetwork/|Dalvik/")
# A crawler that looks like a browser introduces itself inside; Internet Explorer too says `compatible; MSIE`.
_INTRODUCED = re.compile(r"compatible;(?! MSIE)|\+https?:", re.IGNORECASE)
_CALLS_ITSELF_ONE = re.compile(r"bot|crawl|spider", re.IGNORECASE)
# They look like browsers, but under names that devices and people's browsers have as well: without an introduction they don't count.
AMBIGUOUS = frozenset({r"BW\/", "Butterfly", "um-FC", "um-IC"})

# Crawlers nobody has listed yet mostly say what they are, and link to why. Without the link it may be a phone by Cubot.
_SELF_DECLARED = re.compile(r"\b([a-zA-Z][\w.-]{0,40}(?:bot|crawler|spider))(?:/[\w.-]{1,20})?[;,)]? ?\(?\+?https?://", re.IGNORECASE)
_PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,40}(?:[Bb]ot|[Cc]rawler|[Ss]pider)[\w-]{0,20}")
_AROUND = " /;:,.()+"
_NAMES = {"facebookexternalhit": "Facebook", "facebookcatalog": "Facebook", "Slurp": "Yahoo! Slurp", "ia_archiver": "Internet Archive"}
_MAX_NAME = 60
# What a parser of browsers makes of the link that some bots put last: "com/bot", "crawler".
_NO_NAME = re.compile(r".*/.*|bot|crawler|spider", re.IGNORECASE)


class Bots:
    """The maintained list, compiled once."""

    def __init__(self) -> None:
        """ua-parser's matcher takes any patterns: it narrows all of them down at once and needs linear time, where `re` would try 1,500."""
        self._anywhere = _matcher(_listed())
        self._in_browsers = _matcher(entry for entry in _listed() if _may_look_like_a_browser(entry))

    def name_of(self, user_agent: str) -> str:
        """What the bot is called; empty for everybody else."""
        looks_like_a_browser = _BROWSER.search(user_agent) and not _INTRODUCED.search(user_agent)
        found = (self._in_browsers if looks_like_a_browser else self._anywhere).extract(user_agent)
        if found:
            return _name(found.family, user_agent)
        declared = _SELF_DECLARED.search(user_agent)
        return declared[1] if declared else ""


def is_no_name(browser: str) -> bool:
    """Whether what was taken for a bot's browser is only a piece of its User-Agent."""
    return _NO_NAME.fullmatch(browser) is not None


def _listed() -> Iterator[_Entry]:
    for entry in cast("list[_Entry]", CRAWLER_USER_AGENTS_DATA):
        pattern = entry["pattern"]
        if pattern not in _OUT and (_LIBRARY not in entry.get("tags", ()) or pattern in CRAWLING_LIBRARIES):
            yield entry


def _may_look_like_a_browser(entry: _Entry) -> bool:
    """Whether the entry means whole browsers' User-Agents too: by its own examples, or because it calls itself a bot."""
    if entry["pattern"] in AMBIGUOUS:
        return False
    return _CALLS_ITSELF_ONE.search(entry["pattern"]) is not None or any(map(_BROWSER.search, entry["instances"]))


def _matcher(entries: Iterable[_Entry]) -> ua_parser_rs.UserAgentExtractor:
    patterns = (NARROWER.get(entry["pattern"], entry["pattern"]) for entry in entries)
    return ua_parser_rs.UserAgentExtractor((f"({pattern})", "$1", None, None, None, None) for pattern in patterns)


def _name(matched: str, user_agent: str) -> str:
    name = matched.strip(_AROUND)
    # Some are known by the page that explains them.
    if ("." in name or "/" in name) and (product := _PRODUCT.search(user_agent)):
        name = product[0]
    return _NAMES.get(name, name)[:_MAX_NAME] or "unnamed"
