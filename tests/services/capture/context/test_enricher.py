import json
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from browsers import BROWSERS
from services.capture.batch import Arrival
from services.capture.context.addresses import Address, Origins
from services.capture.context.enricher import Client, Enricher
from services.capture.context.places import Place
from services.capture.json_batch import decode_json
from services.capture.uuid7 import new_uuid7
from services.rpc.call import Sender

PROXY = "10.1.2.3"
CHROME = BROWSERS[0][0]
READ = {"$browser": "Google Chrome", "$browser_version": "124", "$os": "Windows", "$os_version": "10", "$mobile": False}
Context = Callable[..., dict[str, object]]


def test_the_context_holds_browser_and_place(enricher: Enricher) -> None:
    client = enricher.client(Sender("81.2.69.142", {"user-agent": CHROME}))

    assert client == Client(
        "81.2.69.142",
        CHROME,
        '{"$browser":"Google Chrome","$browser_version":"124","$os":"Windows","$os_version":"10","$mobile":false,'
        '"$country":"GB","$continent":"EU"}',
    )


def test_a_request_that_says_nothing_has_no_context(enricher: Enricher) -> None:
    assert enricher.client(Sender()) == Client("", "", "")
    assert enricher.client(Sender("10.1.2.3", {"user-agent": "garbage"})) == Client("10.1.2.3", "garbage", "")


def test_place_alone_and_browser_alone_are_whole_objects(context: Context) -> None:
    assert context({}, "81.2.69.142") == {"$country": "GB", "$continent": "EU"}
    assert context({"user-agent": CHROME}) == READ


def test_a_trusted_cdn_knows_the_place_better_than_a_database(context: Context) -> None:
    headers = {"cf-connecting-ip": "81.2.69.142", "cf-ipcountry": "DE", "cf-ipcity": "Köln", "cf-iplatitude": "50.9"}

    assert context(headers, PROXY) == {"$country": "DE", "$continent": "EU", "$city": "Köln", "$latitude": 50.9}


def test_a_trusted_cdn_that_does_not_know_the_place_is_not_overruled(context: Context) -> None:
    assert context({"cf-connecting-ip": "81.2.69.142", "cf-ipcountry": "T1"}, PROXY) == {}


def test_a_trusted_proxy_that_tells_no_country_leaves_the_place_to_the_database(context: Context) -> None:
    assert context({"x-forwarded-for": "81.2.69.142", "cf-ipcity": "Köln"}, PROXY) == {"$country": "GB", "$continent": "EU"}


def test_headers_of_a_stranger_count_for_nothing(context: Context) -> None:
    headers = {
        "cf-connecting-ip": "8.8.8.8",
        "x-forwarded-for": "8.8.8.8",
        "cf-ipcountry": "DE",
        "cf-ipcity": "x",
        "cf-verified-bot": "true",
    }

    assert context(headers, "81.2.69.142") == {"$country": "GB", "$continent": "EU"}


@pytest.mark.parametrize(("value", "bot"), [("true", True), ("false", None), ("True", None), ("", None)])
def test_a_trusted_cdn_marks_bots(context: Context, value: str, bot: bool | None) -> None:  # noqa: FBT001 (a case of the table)
    found = context({"user-agent": CHROME, "cf-verified-bot": value}, PROXY)

    assert found.get("$bot") is bot
    assert "$bot_name" not in found


def test_a_bot_that_both_know_is_marked_once(enricher: Enricher) -> None:
    client = enricher.client(Sender(PROXY, {"user-agent": "Twitterbot/1.0", "cf-verified-bot": "true"}))

    assert client.context.count('"$bot":') == 1
    assert json.loads(client.context)["$bot_name"] == "Twitterbot"


def test_a_bot_without_a_readable_user_agent_is_marked_alone(enricher: Enricher) -> None:
    assert enricher.client(Sender(PROXY, {"cf-verified-bot": "true"})).context == '{"$bot":true}'


def test_what_is_known_already_is_not_looked_up_again() -> None:
    asked: list[Address] = []

    def find_place(address: Address) -> Place:
        asked.append(address)
        return {"$country": "GB"}

    enricher = Enricher(Origins([]), find_place)
    first = enricher.client(Sender("81.2.69.142", {"user-agent": CHROME}))
    again = enricher.client(Sender("81.2.69.142", {"user-agent": CHROME, "x-request-id": "2"}))

    assert first == again
    assert len(asked) == 1


@pytest.mark.parametrize("evil", ["\ud800", "\x00", '"', "\\", "é", "}", "x" * 100_000])
def test_no_header_breaks_the_context(context: Context, evil: str) -> None:
    names = (
        "user-agent",
        "sec-ch-ua",
        "sec-ch-ua-model",
        "sec-ch-ua-platform",
        "x-forwarded-for",
        "cf-connecting-ip",
        "cf-ipcity",
        "cf-region",
    )
    headers = dict.fromkeys(names, evil) | {"cf-ipcountry": "DE"}

    found = context(headers, PROXY)

    assert found["$country"] == "DE"
    assert not any("\x00" in value or len(value) > 200 for value in found.values() if isinstance(value, str))


ADDRESS = "81.2.69.142"
WAYS: list[tuple[str, dict[str, str]]] = [
    (ADDRESS, {}),
    (PROXY, {"x-forwarded-for": ADDRESS}),
    (PROXY, {"cf-connecting-ip": ADDRESS, "cf-ipcountry": "GB"}),
    (f"::ffff:{ADDRESS}", {}),
]


@pytest.mark.parametrize(("peer", "headers"), WAYS)
def test_the_address_is_in_no_row_and_in_no_text_of_a_client(enricher: Enricher, peer: str, headers: dict[str, str]) -> None:
    sender = Sender(peer, {"user-agent": CHROME, "authorization": "Bearer pk_1"} | headers)
    client = enricher.client(sender)
    arrival = Arrival(7, datetime(2026, 3, 1, 12, tzinfo=UTC), new_uuid7, client.context)

    batch = decode_json(b'{"events":[{"name":"seen","distinctId":"ann"}]}', arrival).batch()

    assert client.address == ADDRESS
    for text in (batch.rows.decode(), client.context, repr(client), repr(sender), repr(arrival), str(client)):
        assert ADDRESS not in text
        assert "pk_1" not in text


def test_networks_with_proxies_of_both_kinds_are_told_apart_from_clients() -> None:
    enricher = Enricher(Origins([ip_network("2001:db8::/32"), ip_network("10.0.0.1")]), lambda _: {})

    through = enricher.client(Sender("2001:db8::5", {"x-forwarded-for": "2a02:2e0::1, 10.0.0.1"}))

    assert through.address == "2a02:2e0::1"
