from ipaddress import ip_network

import pytest

from services.capture.context.addresses import Origins, parse_address
from services.rpc.call import Sender

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:aaaa::/48"), ip_network("198.51.100.7")]
PROXY = "10.1.2.3"


def address(peer: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return str(Origins(PROXIES).find(Sender(peer, named)).address)


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        # Nobody before Pug: headers count for nothing.
        ("81.2.69.142", {}, "81.2.69.142"),
        ("81.2.69.142", {"cf_connecting_ip": "9.9.9.9"}, "81.2.69.142"),
        ("81.2.69.142", {"true_client_ip": "9.9.9.9"}, "81.2.69.142"),
        ("81.2.69.142", {"x_forwarded_for": "9.9.9.9"}, "81.2.69.142"),
        # Cloudflare's first, then Akamai's, then the chain.
        (PROXY, {"cf_connecting_ip": "1.1.1.1", "true_client_ip": "8.8.8.8", "x_forwarded_for": "9.9.9.9"}, "1.1.1.1"),
        (PROXY, {"true_client_ip": "8.8.8.8", "x_forwarded_for": "9.9.9.9"}, "8.8.8.8"),
        (PROXY, {"x_forwarded_for": "9.9.9.9"}, "9.9.9.9"),
        (PROXY, {}, PROXY),
        # What cannot be read falls through.
        (PROXY, {"cf_connecting_ip": "nonsense", "x_forwarded_for": "9.9.9.9"}, "9.9.9.9"),
        (PROXY, {"cf_connecting_ip": "1.1.1.1, 8.8.8.8", "true_client_ip": "", "x_forwarded_for": "9.9.9.9"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "nonsense"}, PROXY),
        (PROXY, {"x_forwarded_for": "9.9.9.9, unix:"}, "9.9.9.9"),
        # From the right: what a client writes into the header stands left of what proxies append.
        (PROXY, {"x_forwarded_for": "1.1.1.1, 9.9.9.9"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "1.1.1.1, 9.9.9.9, 10.7.7.7, 198.51.100.7"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "10.7.7.7,198.51.100.7"}, PROXY),
        (PROXY, {"x_forwarded_for": ",,9.9.9.9,,"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "1.1.1.1," * 10_000 + "9.9.9.9"}, "9.9.9.9"),
        # Ports and ways of writing.
        (PROXY, {"x_forwarded_for": "9.9.9.9:4711"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "[2620:fe::fe]:4711"}, "2620:fe::fe"),
        (PROXY, {"x_forwarded_for": "[2620:fe::fe]"}, "2620:fe::fe"),
        (PROXY, {"x_forwarded_for": "2620:FE:0:0::FE"}, "2620:fe::fe"),
        (PROXY, {"x_forwarded_for": "::ffff:9.9.9.9"}, "9.9.9.9"),
        (PROXY, {"x_forwarded_for": "fe80::1%eth0"}, "fe80::1"),
        # Proxies over IPv6, also when the system writes IPv4 as IPv6.
        ("2001:db8:aaaa::1", {"x_forwarded_for": "9.9.9.9"}, "9.9.9.9"),
        ("2001:db8:bbbb::1", {"x_forwarded_for": "9.9.9.9"}, "2001:db8:bbbb::1"),
        ("::ffff:10.1.2.3", {"x_forwarded_for": "9.9.9.9, ::ffff:10.0.0.1"}, "9.9.9.9"),
        ("::ffff:81.2.69.142", {}, "81.2.69.142"),
        # A Unix socket's peer has no address and is nobody's proxy.
        ("", {"x_forwarded_for": "9.9.9.9"}, "None"),
        ("nonsense", {"x_forwarded_for": "9.9.9.9"}, "None"),
    ],
)
def test_a_client_is_where_the_last_trusted_proxy_saw_it(peer: str, headers: dict[str, str], expected: str) -> None:
    assert address(peer, **headers) == expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::1"])
def test_without_trusted_proxies_not_even_a_private_peer_is_believed(peer: str) -> None:
    origin = Origins([]).find(Sender(peer, {"cf-connecting-ip": "9.9.9.9", "x-forwarded-for": "9.9.9.9"}))

    assert (str(origin.address), origin.through_trusted_proxy) == (peer, False)


@pytest.mark.parametrize(
    "text", ["", " ", ":", "[", "[]", "]:1", "%", "1.2.3", "01.2.3.4", "256.1.1.1", "é", "\ud800", "\x00", "9" * 60, "::1::2"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_an_origin_does_not_show_its_address() -> None:
    origin = Origins([]).find(Sender("81.2.69.142"))

    assert "81.2" not in repr(origin)
