import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from socket import AF_INET, AF_INET6, inet_pton

import pytest

from services.capture.cookieless.identity import day_of, is_accepted, last_instant, packed, session_of, visitor_of

SALT = bytes(range(32))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def expected(message: bytes) -> str:
    """As the definition says, written another way."""
    digest = hmac.new(SALT, message, hashlib.sha256).digest()[:16]
    return b64encode(digest).decode().replace("+", "-").replace("/", "_").rstrip("=")


@pytest.mark.parametrize(
    ("address", "family", "user_agent"),
    [("203.0.113.7", AF_INET, FIREFOX), ("2001:db8::7", AF_INET6, FIREFOX), ("203.0.113.7", AF_INET, "Möbius/1 😀")],
)
def test_a_visitor_is_the_hmac_of_project_address_and_user_agent(address: str, family: int, user_agent: str) -> None:
    visitor = visitor_of(SALT, 7, packed(address) or b"", user_agent)

    assert visitor.distinct_id == "cookieless-" + expected(b"7\0" + inet_pton(family, address) + b"\0" + user_agent.encode())
    assert len(visitor.distinct_id) == len("cookieless-") + 22


def test_a_known_visitor_is_always_derived_alike() -> None:
    visitor = visitor_of(b"\x01" * 32, 1, bytes([192, 0, 2, 1]), "curl/8.0")

    assert visitor.distinct_id == "cookieless-ywDWrtJoad3eygrTzeJu3w"
    assert session_of(b"\x01" * 32, visitor, "988400") == "sXNFFsGxAC6_NRTsIPmQHQ"


def test_another_project_address_agent_or_salt_is_another_visitor() -> None:
    address = bytes([203, 0, 113, 7])

    visitors = {
        visitor_of(salt, project, where, agent).distinct_id
        for salt in (SALT, SALT[::-1])
        for project in (7, 8)
        for where in (address, address[::-1])
        for agent in (FIREFOX, "curl/8.0")
    }

    assert len(visitors) == 16


def test_sessions_of_two_projects_cannot_be_linked_either() -> None:
    visitors = [visitor_of(SALT, project, bytes(4), FIREFOX) for project in (7, 8)]

    assert len({session_of(SALT, visitor, name) for visitor in visitors for name in ("988400", "988401")}) == 4


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(address: str, same: str) -> None:
    assert packed(address) == packed(same)
    assert packed(same) is not None


@pytest.mark.parametrize("address", ["", " ", "unknown", "203.0.113", "203.0.113.7:80", "[2001:db8::7]", "203.0.113.7, 203.0.113.8"])
def test_what_is_no_address_is_none(address: str) -> None:
    assert packed(address) is None


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-01T00:00:00Z", date(2026, 3, 1)),
        ("2026-03-01T23:59:59.999Z", date(2026, 3, 1)),
        ("2026-03-02T00:30:00+01:00", date(2026, 3, 1)),
        ("1970-01-01T00:00:00Z", date(1970, 1, 1)),
    ],
)
def test_a_day_is_that_of_utc(instant: str, day: date) -> None:
    assert day_of(round(datetime.fromisoformat(instant).timestamp() * 1000)) == day


@pytest.mark.parametrize("time", ["00:00:00", "23:59:59"])
def test_today_and_yesterday_are_accepted_at_any_time(time: str) -> None:
    now = datetime.fromisoformat(f"2026-03-01T{time}+00:00")

    assert [offset for offset in range(-3, 4) if is_accepted(date(2026, 3, 1) + timedelta(days=offset), now)] == [-1, 0]


def test_a_salt_is_gone_when_no_event_of_its_day_is_accepted_any_more() -> None:
    day = date(2026, 2, 28)
    over = last_instant(day)

    assert over == datetime(2026, 3, 2, tzinfo=UTC)
    assert is_accepted(day, over - timedelta(microseconds=1))
    assert not is_accepted(day, over)
