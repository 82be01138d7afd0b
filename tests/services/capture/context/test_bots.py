from collections.abc import Callable

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from browsers import BROWSERS
from services.capture.context.bots import CRAWLING_LIBRARIES, NARROWER, PEOPLE, PLATFORMS, Bots

BOTS = Bots()
KIT = "AppleWebKit/537.36 (KHTML, like Gecko"
Context = Callable[..., dict[str, object]]


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        (
            f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {KIT}) Chrome/124.0 Safari/537.36 (compatible; Googlebot/2.1; +http://x.example)",
            "Googlebot",
        ),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "YandexBot"),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "Baiduspider"),
        ("DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)", "DuckDuckBot"),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot"),
        ("Mozilla/5.0 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)", "Pinterestbot"),
        ("Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", "Yahoo! Slurp"),
        # AI.
        (f"Mozilla/5.0 {KIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot"),
        (f"Mozilla/5.0 {KIT}); compatible; OAI-SearchBot/1.0; +https://openai.com/searchbot", "OAI-SearchBot"),
        (f"Mozilla/5.0 {KIT}); compatible; ChatGPT-User/1.0; +https://openai.com/bot", "ChatGPT-User"),
        (f"Mozilla/5.0 {KIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "ClaudeBot"),
        (f"Mozilla/5.0 {KIT}; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)", "PerplexityBot"),
        ("CCBot/2.0 (https://commoncrawl.org/faq/)", "CCBot"),
        ("meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)", "meta-externalagent"),
        # Automated browsers.
        (f"Mozilla/5.0 (X11; Linux x86_64) {KIT}) HeadlessChrome/124.0.0.0 Safari/537.36", "HeadlessChrome"),
        ("Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1", "PhantomJS"),
        (f"Mozilla/5.0 (Linux; Android 11; moto g power) {KIT}) Chrome/119.0 Mobile Safari/537.36 Chrome-Lighthouse", "Chrome-Lighthouse"),
        # Link previews.
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Facebook"),
        ("Twitterbot/1.0", "Twitterbot"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slackbot"),
        ("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "Discordbot"),
        ("WhatsApp/2.23.20.0 A", "WhatsApp"),
        ("LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "LinkedInBot"),
        # Monitors.
        ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "UptimeRobot"),
        ("Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", "Pingdom"),
        # Libraries made for crawling.
        ("Scrapy/2.11.1 (+https://scrapy.org)", "Scrapy"),
        # Nobody has listed it yet.
        ("Mozilla/5.0 (compatible; NeverSeenBot/1.0; +https://example.com/bot)", "NeverSeenBot"),
        ("never-seen-crawler (+https://example.com)", "never-seen-crawler"),
    ],
)
def test_a_bot_is_marked_by_its_name(context: Context, user_agent: str, name: str) -> None:
    found = context({"user-agent": user_agent})

    assert (found.get("$bot"), found.get("$bot_name")) == (True, name)


@pytest.mark.parametrize(
    "user_agent",
    [
        "curl/8.4.0",
        "Wget/1.21.4",
        "python-requests/2.31.0",
        "Python/3.11 aiohttp/3.9.3",
        "python-httpx/0.27.0",
        "Python-urllib/3.12",
        "okhttp/4.12.0",
        "Go-http-client/2.0",
        "axios/1.6.8",
        "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        "undici",
        "got (https://github.com/sindresorhus/got)",
        "GuzzleHttp/7",
        "Faraday v2.7.4",
        "Apache-HttpClient/4.5.14 (Java/17.0.10)",
        "Java/17.0.1",
        "Jetty/9.4",
        "Dart/3.2 (dart:io)",
        "PostmanRuntime/7.37.0",
        "grpc-python/1.60.0 grpc-c/38.0.0 (linux; chttp2)",
        "grpc-go/1.62.0",
        "grpc-java-okhttp/1.60.0",
        "connect-go/1.16.0 (go1.22.1)",
        "WordPress/6.5; https://example.com",
        "Amazon CloudFront",
        "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    ],
)
def test_what_servers_send_events_with_is_no_bot(context: Context, user_agent: str) -> None:
    assert not context({"user-agent": user_agent}).keys() & {"$bot", "$bot_name"}


ODD_BROWSERS = [
    f"Mozilla/5.0 (Linux; Android 11; CUBOT X30) {KIT}) Chrome/90.0.4430.210 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) {KIT}) Chrome/142.0 Mobile Safari/537.36 Instagram 406.0",
    f"Mozilla/5.0 (Linux; Android 16; Pixel 10 Build/CP1A; wv) {KIT}) Version/4.0 Chrome/146.0 Mobile Safari/537.36 MetaIAB Facebook",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT}) Code/1.115.0 Chrome/142.0 Electron/39.8.5 Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT}) Notion/3.5.0 Chrome/124.0 Electron/30.0.1 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Valve Steam Client/default/1714) {KIT}) Chrome/109.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; U; Android 9; zh-cn; MI 8) {KIT}) Version/4.0 Chrome/79.0 Mobile Safari/537.36 SogouMobileBrowser/5.30",
    f"Mozilla/5.0 (Windows NT 10.0) {KIT}) Chrome/109.0 Safari/537.36 SE 2.X MetaSr 1.0",
    f"Mozilla/5.0 (Windows NT 6.1) {KIT}) coc_coc_browser/54.2.133 Chrome/48.2.2564.133 Safari/537.36",
    f"Mozilla/5.0 (Web0S; Linux/SmartTV) {KIT}) Chrome/94.0.4606.128 Safari/537.36 WebAppManager",
    f"Mozilla/5.0 (Linux; Android 12; KFTRWI) {KIT}) Silk/122.3.1 like Chrome/122.0 Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT}) Mobile/15E148 Feedly/98.0.1",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {KIT}) Mobile/15E148 Goodreads/4.10",
    "Overcast/2024.5 CFNetwork/1496.0.7 Darwin/23.5.0",
    f"Mozilla/5.0 (Linux; Android 9; Panasonic Eluga Ray) {KIT}) Chrome/120.0 Mobile Safari/537.36",
]


@pytest.mark.parametrize("user_agent", ODD_BROWSERS + [each[0] for each in BROWSERS])
def test_a_browser_that_people_use_is_no_bot(user_agent: str) -> None:
    assert BOTS.name_of(user_agent) == ""


def test_an_automated_browser_is_known_by_its_brands_too(context: Context) -> None:
    found = context({"user-agent": BROWSERS[0][0], "sec-ch-ua": '"Chromium";v="124", "HeadlessChrome";v="124", "Not-A.Brand";v="99"'})

    assert (found["$bot"], found["$bot_name"]) == (True, "HeadlessChrome")


def test_whatever_else_is_listed_is_named() -> None:
    listed = [
        user_agent
        for entry in CRAWLER_USER_AGENTS_DATA
        if "http-library" not in entry["tags"] and entry["pattern"] not in PLATFORMS | PEOPLE
        for user_agent in entry["instances"]
    ]

    names = {user_agent: BOTS.name_of(user_agent) for user_agent in listed}

    assert len(names) > 1_900
    assert [user_agent for user_agent, name in names.items() if not name] == []
    assert [name for name in names.values() if name != name.strip() or len(name) > 60] == []


def test_every_exception_is_still_in_the_list() -> None:
    patterns = {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA}

    assert patterns >= PLATFORMS | PEOPLE | CRAWLING_LIBRARIES | NARROWER.keys()
