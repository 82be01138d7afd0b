"""What the events view derives from `$url`, `$referrer`, `utm_*`, the screen and the locale, as docs/enrichment.md has it.

All cases are stored by one insert and read by one query.
"""

import re
from collections.abc import Mapping

import pytest
import pytest_asyncio

from app.migrate import MIGRATIONS
from core.clickhouse import ClickHouse
from core.sql import Sql, sql, unsigned
from story import Happening, Store, event, next_project

Sent = Mapping[str, object]
Found = Mapping[str, str]

PAGE = "https://shop.example/"
COLUMNS = ("hostname", "pathname", "utm_source", "utm_medium", "utm_campaign", "referrer_domain", "channel", "screen_size", "locale")


def visit(query: str = "", referrer: str = "", **sent: object) -> Sent:
    """Sent with a page view whose address ends so, that came from there."""
    return {"$url": PAGE + query, **({"$referrer": referrer} if referrer else {}), **{f"${key}": value for key, value in sent.items()}}


CHANNELS: list[tuple[Sent, str]] = [
    # Nothing says where from.
    (visit(), "Direct"),
    (visit(referrer="https://shop.example/cart"), "Direct"),
    (visit(referrer="https://www.shop.example/cart"), "Direct"),
    (visit(referrer="  "), "Direct"),
    (visit(referrer="https://shop.example:8443/cart"), "Direct"),
    ({"$url": PAGE, "$referrer": 5}, "Direct"),
    ({"$url": "https://www.shop.example/", "$referrer": "http://SHOP.example"}, "Direct"),
    # Another site.
    (visit(referrer="https://partner.example/a"), "Referral"),
    (visit(referrer="https://blog.shop.example/a"), "Referral"),
    (visit(referrer="https://www.www.shop.example/a"), "Referral"),
    (visit(referrer="android-app://com.google.android.gm/"), "Referral"),
    (visit(referrer="android-app://com.google.android.googlequicksearchbox/"), "Referral"),
    (visit(referrer="https://medium.com/@ann"), "Referral"),
    (visit("?page=2&ref=x", "https://partner.example/"), "Referral"),
    # Said, but it can't be told what.
    (visit(referrer="google.com"), "Unassigned"),
    (visit(referrer="about:blank"), "Unassigned"),
    (visit(referrer="just text"), "Unassigned"),
    (visit("?utm_campaign=spring"), "Unassigned"),
    (visit("?utm_source=partner"), "Unassigned"),
    (visit(utm_content="banner"), "Unassigned"),
    # Search.
    (visit(referrer="https://www.google.com/"), "Organic Search"),
    (visit(referrer="https://google.com./"), "Organic Search"),
    (visit(referrer="https://google.co.uk/search?q=x"), "Organic Search"),
    (visit(referrer="https://www.google.com.br/"), "Organic Search"),
    (visit(referrer="https://news.google.com/"), "Organic Search"),
    (visit(referrer="//google.de/"), "Organic Search"),
    (visit(referrer="HTTPS://WWW.GOOGLE.DE"), "Organic Search"),
    (visit(referrer="https://fr.search.yahoo.com/"), "Organic Search"),
    (visit(referrer="https://search.naver.com/"), "Organic Search"),
    (visit(referrer="https://search.daum.net/"), "Organic Search"),
    (visit(referrer="https://search.seznam.cz/"), "Organic Search"),
    (visit(referrer="https://coccoc.com/search"), "Organic Search"),
    (visit(referrer="https://www.sogou.com/"), "Organic Search"),
    (visit(referrer="https://www.so.com/s"), "Organic Search"),
    (visit(referrer="https://www.ask.com/"), "Organic Search"),
    (visit(referrer="https://search.aol.com/"), "Organic Search"),
    (visit(referrer="https://search.marginalia.nu/"), "Organic Search"),
    (visit(referrer="https://www.mojeek.com/"), "Organic Search"),
    (visit(referrer="https://swisscows.com/"), "Organic Search"),
    (visit("?utm_source=google"), "Organic Search"),
    (visit("?utm_source=www.bing.com"), "Organic Search"),
    (visit("?utm_medium=organic"), "Organic Search"),
    (visit("?utm_source=%20DuckDuckGo+"), "Organic Search"),
    # Looks like it.
    (visit(referrer="https://notgoogle.com/"), "Referral"),
    (visit(referrer="https://google.com.evil.io/"), "Referral"),
    (visit(referrer="https://google.evil.io/"), "Referral"),
    (visit(referrer="https://about.google/"), "Referral"),
    (visit(referrer="https://notbing.com/"), "Referral"),
    (visit(referrer="https://bingxcom/"), "Referral"),
    (visit(referrer="https://google.com@evil.example/"), "Referral"),
    (visit(referrer="https://evil.example\\@google.com/"), "Referral"),
    (visit(referrer="https://evil.example/?https://google.com/"), "Referral"),
    (visit(referrer="https://netflix.com/"), "Referral"),
    (visit("?utm_source=googly"), "Unassigned"),
    # Social networks and videos.
    (visit(referrer="https://l.facebook.com/l.php"), "Organic Social"),
    (visit(referrer="https://t.co/abc"), "Organic Social"),
    (visit(referrer="https://x.com/"), "Organic Social"),
    (visit(referrer="https://news.ycombinator.com/item?id=1"), "Organic Social"),
    (visit(referrer="https://m.vk.com/"), "Organic Social"),
    (visit(referrer="https://weibo.com/"), "Organic Social"),
    (visit(referrer="https://www.quora.com/"), "Organic Social"),
    (visit(referrer="https://discord.com/channels/1"), "Organic Social"),
    (visit(referrer="https://linktr.ee/ann"), "Organic Social"),
    (visit(referrer="https://access.line.me/"), "Organic Social"),
    (visit("?utm_source=ig"), "Organic Social"),
    (visit("?utm_medium=social-media&utm_source=partner"), "Organic Social"),
    (visit(referrer="https://m.youtube.com/watch"), "Organic Video"),
    (visit("?utm_source=yt"), "Organic Video"),
    (visit("?utm_medium=video"), "Organic Video"),
    # Assistants.
    (visit(referrer="https://chatgpt.com/"), "AI Assistants"),
    (visit(referrer="https://chat.openai.com/"), "AI Assistants"),
    (visit(referrer="https://claude.ai/chat/1"), "AI Assistants"),
    (visit(referrer="https://gemini.google.com/app"), "AI Assistants"),
    (visit(referrer="https://bard.google.com/"), "AI Assistants"),
    (visit(referrer="https://copilot.microsoft.com/"), "AI Assistants"),
    (visit(referrer="https://www.perplexity.ai/search/1"), "AI Assistants"),
    (visit(referrer="https://you.com/"), "AI Assistants"),
    (visit(referrer="https://poe.com/"), "AI Assistants"),
    (visit(referrer="https://www.meta.ai/"), "AI Assistants"),
    (visit(referrer="https://grok.com/"), "AI Assistants"),
    (visit(referrer="https://chat.deepseek.com/"), "AI Assistants"),
    (visit(referrer="https://chat.mistral.ai/"), "AI Assistants"),
    (visit(referrer="https://duck.ai/"), "AI Assistants"),
    (visit("?utm_source=chatgpt.com"), "AI Assistants"),
    (visit("?utm_source=copilot&utm_medium=organic"), "AI Assistants"),
    (visit("?utm_source=perplexity", "https://www.google.com/"), "AI Assistants"),
    (visit(referrer="https://notclaude.ai/"), "Referral"),
    (visit(referrer="https://max.ai/"), "Referral"),
    # Mail, affiliates.
    (visit(referrer="https://mail.google.com/mail/u/0/"), "Email"),
    (visit(referrer="https://outlook.live.com/"), "Email"),
    (visit(referrer="https://mail.yahoo.com/"), "Email"),
    (visit("?utm_medium=email"), "Email"),
    (visit("?utm_source=newsletter"), "Email"),
    (visit("?utm_source=E-Mail"), "Email"),
    (visit("?utm_medium=affiliate", "https://partner.example/"), "Affiliate"),
    # Paid for, as the link says.
    (visit("?utm_source=google&utm_medium=cpc"), "Paid Search"),
    (visit("?utm_medium=PPC", "https://www.google.com/"), "Paid Search"),
    (visit("?utm_source=bing&utm_medium=cpm"), "Paid Search"),
    (visit("?utm_source=facebook&utm_medium=paid_social"), "Paid Social"),
    (visit("?utm_medium=cpc", "https://www.reddit.com/"), "Paid Social"),
    (visit("?utm_source=youtube&utm_medium=cpv"), "Paid Video"),
    (visit("?utm_source=youtube&utm_medium=paid"), "Paid Video"),
    (visit("?utm_medium=banner", "https://www.google.com/"), "Display"),
    (visit("?utm_source=adnet&utm_medium=cpm"), "Display"),
    (visit("?utm_medium=retargeting"), "Paid Other"),
    (visit("?utm_source=chatgpt&utm_medium=cpc"), "Paid Other"),
    (visit("?utm_source=tcp"), "Unassigned"),
    # Paid for, as the network says.
    (visit("?gclid=a"), "Paid Search"),
    (visit("?x=1&gbraid=a#top", "https://www.google.com/"), "Paid Search"),
    (visit("?wbraid=a"), "Paid Search"),
    (visit("?gad_source=1"), "Paid Search"),
    (visit("?msclkid=a"), "Paid Search"),
    (visit("?yclid=1"), "Paid Search"),
    (visit("?dclid=a"), "Display"),
    (visit("?ttclid=a"), "Paid Social"),
    (visit("?twclid=a"), "Paid Social"),
    (visit("?li_fat_id=a"), "Paid Social"),
    (visit("?rdt_cid=a"), "Paid Social"),
    (visit("?ScCid=a"), "Paid Social"),
    (visit("?epik=a"), "Paid Social"),
    (visit("?utm_medium=cpc&gclid=a"), "Paid Search"),
    (visit("?utm_medium=display&gclid=a"), "Display"),
    (visit("?utm_source=facebook&utm_medium=cpc&gclid=a"), "Paid Social"),
    (visit("?utm_source=shop&gclid=a", "https://www.facebook.com/"), "Paid Search"),
    (visit("?gclid="), "Direct"),
    (visit("?gclid=&utm_source=google"), "Organic Search"),
    (visit("?notgclid=a"), "Direct"),
    (visit("#?gclid=a"), "Direct"),
    (visit("?x=%26gclid=a"), "Direct"),
    # Clicked on a network, paid for or not.
    (visit("?fbclid=a"), "Organic Social"),
    (visit("?fbclid=a", "https://www.google.com/"), "Organic Social"),
    (visit("?fbclid=a&utm_medium=cpc"), "Paid Social"),
    (visit("?fbclid=a&utm_medium=email"), "Email"),
    (visit("?igshid=a"), "Organic Social"),
    (visit("?igsh=a", "https://shop.example/"), "Organic Social"),
    # What the link says goes before where it was clicked.
    (visit("?utm_source=newsletter", "https://www.google.com/"), "Email"),
    (visit("?utm_medium=email", "https://www.facebook.com/"), "Email"),
    (visit("?utm_source=facebook", "https://www.google.com/"), "Organic Social"),
    (visit("?utm_source=partner", "https://www.google.com/"), "Organic Search"),
    (visit("?utm_source=partner", "https://blog.example/"), "Referral"),
    (visit("?utm_source=google&utm_medium=cpc", utm_medium="email"), "Organic Search"),
    (visit("?utm_source=google", utm_source="newsletter"), "Email"),
    (visit("?utm_source=google", utm_source=""), "Direct"),
    # No page of the web.
    ({"$referrer": "https://www.google.com/"}, ""),
    ({"$url": "app://shop/cart?gclid=a", "$referrer": "https://www.google.com/"}, ""),
    ({"$url": "javascript:alert(1)", "$referrer": "https://www.google.com/"}, ""),
    ({"$url": "//shop.example/?gclid=a"}, ""),
    ({"$url": 5, "$utm_medium": "cpc"}, ""),
    ({}, ""),
]

PAGES: list[tuple[object, str, str]] = [
    ("https://Shop.Example", "shop.example", "/"),
    ("HTTPS://shop.example/A/b/", "shop.example", "/A/b/"),
    ("http://shop.example:8080?x=/y", "shop.example", "/"),
    ("http://shop.example#/route", "shop.example", "/"),
    ("http://shop.example/a#b?c", "shop.example", "/a"),
    ("http://shop.example/a?b?c#d", "shop.example", "/a"),
    ("http://shop.example./a", "shop.example", "/a"),
    ("http://user:p@ss@shop.example/a", "shop.example", "/a"),
    ("http://shop.example/a@b", "shop.example", "/a@b"),
    ("http://shop.example/a%20b+c/%C3%BC", "shop.example", "/a b+c/ü"),
    ("http://shop.example/%ff", "shop.example", "/�"),
    ("http://shop.example/%00x", "shop.example", "/�x"),
    ("http://shop.example/%zz%2", "shop.example", "/%zz%2"),
    ("http://shop.example//a", "shop.example", "//a"),
    ("http://[::1]:8080/a", "[::1]", "/a"),
    ("http://[2001:DB8::1]/", "[2001:db8::1]", "/"),
    ("http://127.0.0.1/", "127.0.0.1", "/"),
    ("http://localhost", "localhost", "/"),
    ("https://MÜNCHEN.example/ä", "münchen.example", "/ä"),
    ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example", "/"),
    ("https://例え.テスト/", "例え.テスト", "/"),
    ("http://shop.example/" + "x" * 8_000, "shop.example", "/" + "x" * 8_000),
    ("http://shop.example/a\nb", "shop.example", "/a\nb"),
    *(
        (bad, "", "")
        for bad in (
            *(
                "",
                "shop.example/a",
                "/a",
                "//shop.example/a",
                "http:",
                "http://",
                "http:///a",
                "http://?x",
                "http://:80/",
                "http:/shop.example",
            ),
            *("ftp://shop.example/", "javascript:alert('http://a.example/')", "data:text/html,http://a.example/", "mailto:a@shop.example"),
            *(
                "http://a b/",
                "http://a%20b/",
                "http://[::1/",
                "http://[x]/",
                "http://a:b/",
                "http://a:123456/",
                "http://.../",
                "http://<a>/",
            ),
            *("about:blank", "file:///a", "x http://shop.example/", "http://a\nb/", 5, True, ["http://shop.example/"], {"a": "http://a/"}),
        )
    ),
]

FIELDS: list[tuple[Sent, str, str]] = [
    # What the client says itself is not said again.
    (visit("a", hostname="h"), "hostname", ""),
    (visit("a", pathname="/p"), "pathname", ""),
    (visit("a", pathname=""), "pathname", ""),
    (visit("?utm_source=a+b%2Bc&utm_source=d"), "utm_source", "a b+c"),
    (visit("?utm_source=&utm_source=d"), "utm_source", "d"),
    (visit("?utm_source=a", utm_source="b"), "utm_source", ""),
    (visit("?utm_source=%E4"), "utm_source", "�"),
    (visit("?UTM_SOURCE=a&xutm_source=b"), "utm_source", ""),
    (visit("?x=1&utm_campaign=Spring%20Sale#utm_campaign=no"), "utm_campaign", "Spring Sale"),
    (visit("#utm_campaign=no"), "utm_campaign", ""),
    ({"$url": "app://a/?utm_source=b"}, "utm_source", ""),
    # The site before.
    (visit(referrer="https://WWW.Partner.Example:80/a"), "referrer_domain", "partner.example"),
    (visit(referrer="https://www.www.partner.example"), "referrer_domain", "www.partner.example"),
    (visit(referrer="android-app://com.slack/"), "referrer_domain", "com.slack"),
    (visit(referrer="https://www.shop.example/"), "referrer_domain", ""),
    (visit(referrer="https://a.shop.example/"), "referrer_domain", "a.shop.example"),
    (visit(referrer="https://other.example/", hostname="other.example"), "referrer_domain", "other.example"),
    (visit(referrer="partner.example"), "referrer_domain", ""),
    ({"$referrer": "https://partner.example/"}, "referrer_domain", "partner.example"),
    ({"$referrer": "https://www.partner.example/", "$hostname": "Partner.example"}, "referrer_domain", ""),
    # The screen.
    ({"$screen_width": 1920, "$screen_height": 1080}, "screen_size", "1920x1080"),
    ({"$screen_width": 1920.0, "$screen_height": 1079.6}, "screen_size", "1920x1080"),
    ({"$screen_width": 1920, "$screen_height": 0}, "screen_size", ""),
    ({"$screen_width": -1, "$screen_height": 5}, "screen_size", ""),
    ({"$screen_width": "1920", "$screen_height": 1080}, "screen_size", ""),
    ({"$screen_width": 1e300, "$screen_height": 1080}, "screen_size", ""),
    ({"$screen_width": 1920}, "screen_size", ""),
    ({"$screen_width": 1920, "$screen_height": 1080, "$screen_size": "big"}, "screen_size", ""),
    # The language.
    *(
        ({"$locale": sent}, "locale", normal)
        for sent, normal in (
            *(("de-DE", "de-DE"), ("de_de", "de-DE"), (" EN ", "en"), ("en", "en"), ("fil", "fil"), ("ZH_hANT_tw", "zh-Hant-TW")),
            *(("es-419", "es-419"), ("sl-ROZAJ-biske", "sl-rozaj-biske"), ("zh-Hant-TW", "zh-Hant-TW"), ("de--DE_", "de-DE")),
            *(("", ""), (" ", ""), ("_-", ""), (5, "")),
        )
    ),
]

VIEW = MIGRATIONS / "clickhouse" / "views" / "events.sql"
LISTS: list[tuple[str, str]] = re.findall(r"\[([^\[\]]*)\]\s+AS (\w+_(?:domains|names|ids))\b", VIEW.read_text())

CASES: list[Sent] = [*(sent for sent, _ in CHANNELS), *({"$url": url} for url, _, _ in PAGES), *(sent for sent, _, _ in FIELDS)]


@pytest_asyncio.fixture(scope="module")
async def derived(clickhouse: ClickHouse) -> list[Found]:
    """What was derived for each of the cases."""
    store = Store(clickhouse, next_project())
    told = [event(f"case {place}") for place in range(len(CASES))]
    await store.tell(*(Happening(one.name, one.distinct_id, one.at, properties=sent) for one, sent in zip(told, CASES, strict=True)))
    columns = Sql((", ".join(COLUMNS),))
    rows = await clickhouse.query(
        sql(
            "SELECT toUInt32(substring(name, 6)) AS place, {columns} FROM events WHERE project_id = {project} ORDER BY place",
            columns=columns,
            project=unsigned(store.project_id),
        )
    )
    return [dict(zip(COLUMNS, map(str, row[1:]), strict=True)) for row in rows.rows]


@pytest.mark.parametrize("place", range(len(CHANNELS)), ids=lambda place: f"{place} {CHANNELS[place][1]}")
def test_channel_is_the_first_rule_that_holds(derived: list[Found], place: int) -> None:
    sent, channel = CHANNELS[place]

    assert (sent, derived[place]["channel"]) == (sent, channel)


@pytest.mark.parametrize("place", range(len(PAGES)))
def test_page_is_that_of_a_web_address_and_otherwise_nothing(derived: list[Found], place: int) -> None:
    url, hostname, pathname = PAGES[place]

    found = derived[len(CHANNELS) + place]

    assert (url, found["hostname"], found["pathname"]) == (url, hostname, pathname)
    assert bool(found["channel"]) == bool(hostname)


@pytest.mark.parametrize("place", range(len(FIELDS)))
def test_field_is_derived_unless_the_client_sent_it(derived: list[Found], place: int) -> None:
    sent, column, value = FIELDS[place]

    assert (sent, derived[len(CHANNELS) + len(PAGES) + place][column]) == (sent, value)


@pytest.mark.parametrize(("listed", "name"), LISTS, ids=[name for _, name in LISTS])
def test_the_page_that_people_look_things_up_in_has_the_whole_list(listed: str, name: str) -> None:
    page = (MIGRATIONS.parent / "docs" / "enrichment.md").read_text()

    missing = set(re.findall(r"'([^']+)'", listed)) - set(re.split(r"[\s`.,]*[\s`]+[\s`.,]*", page))

    assert (name, missing) == (name, set())


def test_all_lists_were_found() -> None:
    assert len(LISTS) == 14
