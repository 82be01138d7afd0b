import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from core.errors import SettingsInvalid
from mmdb import write_mmdb
from services.capture.context.continents import CONTINENT_OF
from services.capture.context.places import CDN_HEADERS, cdn_place, open_places, registry_place


def from_cdn(**headers: str) -> dict[str, str | float]:
    named = {f"cf-{name.replace('_', '-')}": value for name, value in headers.items()}
    return cdn_place(tuple(named.get(name, "") for name in CDN_HEADERS))


@pytest.mark.parametrize(
    ("address", "country", "continent"),
    [
        ("8.8.8.8", "US", "NA"),
        ("9.9.9.9", "US", "NA"),
        ("1.1.1.1", "AU", "OC"),
        ("2001:4860:4860::8888", "US", "NA"),
        ("84.160.0.1", "DE", "EU"),
        ("80.67.169.12", "FR", "EU"),
        ("81.2.69.142", "GB", "EU"),
        ("195.186.1.110", "CH", "EU"),
        ("2a02:2e0::1", "DE", "EU"),
        ("126.0.0.1", "JP", "AS"),
        ("168.126.63.1", "KR", "AS"),
        ("114.114.114.114", "CN", "AS"),
        ("117.192.0.1", "IN", "AS"),
        ("200.160.2.3", "BR", "SA"),
        ("41.0.0.1", "ZA", "AF"),
    ],
)
def test_the_registries_know_the_country_of_an_address(address: str, country: str, continent: str) -> None:
    assert registry_place(ip_address(address)) == {"$country": country, "$continent": continent}


NOWHERE = [
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "127.0.0.1",
    "100.64.1.1",
    "169.254.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "0.0.0.0",
]
NOWHERE_6 = ["::1", "::", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1"]


@pytest.mark.parametrize("address", NOWHERE + NOWHERE_6)
def test_an_address_that_is_not_public_has_no_place(tmp_path: Path, address: str) -> None:
    everywhere = open_places(write_mmdb(tmp_path / "all.mmdb", {"country_code": "DE"}))

    assert registry_place(ip_address(address)) == {}
    assert everywhere(ip_address(address)) == {}


def test_looking_up_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert registry_place(ip_address("8.8.4.4"))["$country"] == "US"


def test_a_cdn_tells_the_whole_place() -> None:
    place = from_cdn(
        ipcountry="de",
        ipcontinent="EU",
        region="Land Berlin",
        ipcity="Berlin",
        postal_code="10115",
        iplatitude="52.52",
        iplongitude="-13.4",
        timezone="Europe/Berlin",
    )

    assert place == {
        "$country": "DE",
        "$continent": "EU",
        "$region": "Land Berlin",
        "$city": "Berlin",
        "$postal_code": "10115",
        "$latitude": 52.52,
        "$longitude": -13.4,
        "$timezone": "Europe/Berlin",
    }


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"ipcountry": "XX"}, {}),
        ({"ipcountry": "T1", "ipcontinent": "T1"}, {}),
        ({"ipcountry": ""}, {}),
        ({"ipcountry": "Germany"}, {}),
        ({"ipcountry": "FR"}, {"$country": "FR", "$continent": "EU"}),
        ({"ipcountry": "XX", "region": "Unknown", "ipcity": "unknown"}, {}),
        ({"ipcountry": "XX", "iplatitude": "91", "iplongitude": "nan"}, {}),
        ({"ipcountry": "XX", "iplatitude": "here", "iplongitude": "1e999"}, {}),
        ({"ipcountry": "XX", "iplatitude": "0", "iplongitude": "0"}, {"$latitude": 0.0, "$longitude": 0.0}),
        ({"ipcountry": "XX", "timezone": "a b; DROP"}, {}),
        ({"ipcountry": "XX", "timezone": "America/Argentina/Salta"}, {"$timezone": "America/Argentina/Salta"}),
        ({"ipcountry": "XX", "ipcity": "SÃ£o Paulo"}, {"$city": "São Paulo"}),
        ({"ipcountry": "XX", "ipcity": "Zürich"}, {"$city": "Zürich"}),
        ({"ipcountry": "XX", "ipcity": "a\x00b"}, {"$city": "ab"}),
        ({"ipcountry": "XX", "ipcity": "\ud800"}, {"$city": "?"}),
    ],
)
def test_what_a_cdn_does_not_know_is_left_out(headers: dict[str, str], place: dict[str, object]) -> None:
    assert from_cdn(**headers) == place


MAXMIND: dict[str, object] = {
    "continent": {"code": "EU"},
    "country": {"iso_code": "SE"},
    "subdivisions": [{"iso_code": "E", "names": {"en": "Östergötland County"}}],
    "city": {"names": {"en": "Linköping"}},
    "postal": {"code": "582 22"},
    "location": {"latitude": 58.4167, "longitude": 15.6167, "time_zone": "Europe/Stockholm"},
}
IP_LOCATION_DB: dict[str, object] = {
    "country_code": "SE",
    "state1": "Östergötland County",
    "city": "Linköping",
    "postcode": "582 22",
    "latitude": 58.4167,
    "longitude": 15.6167,
    "timezone": "Europe/Stockholm",
}
IPINFO: dict[str, object] = {
    "country": "Sweden",
    "country_code": "SE",
    "continent": "Europe",
    "continent_code": "EU",
    "region": "Östergötland County",
    "city": "Linköping",
    "postal_code": "582 22",
    "lat": "58.4167",
    "lng": "15.6167",
    "timezone": "Europe/Stockholm",
}
LINKOEPING = {
    "$country": "SE",
    "$continent": "EU",
    "$region": "Östergötland County",
    "$city": "Linköping",
    "$postal_code": "582 22",
    "$latitude": 58.4167,
    "$longitude": 15.6167,
    "$timezone": "Europe/Stockholm",
}


@pytest.mark.parametrize("record", [MAXMIND, IP_LOCATION_DB, IPINFO], ids=["MaxMind", "ip-location-db", "IPinfo"])
def test_databases_of_every_usual_layout_are_read(tmp_path: Path, record: dict[str, object]) -> None:
    find_place = open_places(write_mmdb(tmp_path / "city.mmdb", record))

    assert find_place(ip_address("89.160.20.112")) == LINKOEPING
    assert find_place(ip_address("2a02:d280::1")) == LINKOEPING


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"registered_country": {"iso_code": "FR"}}, {"$country": "FR", "$continent": "EU"}),
        ({"country": "JP"}, {"$country": "JP", "$continent": "AS"}),
        ({"country": {"iso_code": 7}, "subdivisions": [], "city": ["x"], "location": "there"}, {}),
        ({"country_code": "EU", "latitude": "", "city": ""}, {}),
        ({}, {}),
        (["DE"], {}),
        ("DE", {}),
    ],
)
def test_a_record_gives_what_it_has_and_no_more(tmp_path: Path, record: object, place: dict[str, object]) -> None:
    find_place = open_places(write_mmdb(tmp_path / "some.mmdb", record))

    assert find_place(ip_address("89.160.20.112")) == place


def test_an_ipv6_address_has_no_place_in_a_database_of_ipv4_ones(tmp_path: Path) -> None:
    find_place = open_places(write_mmdb(tmp_path / "four.mmdb", {"country_code": "DE"}, ip_version=4))

    assert find_place(ip_address("89.160.20.112"))["$country"] == "DE"
    assert find_place(ip_address("2a02:d280::1")) == {}


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"not a database", "no .mmdb database"), (b"", "no .mmdb database")]
)
def test_a_file_that_is_no_database_names_the_setting(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "city.mmdb"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsInvalid, match=reason) as raised:
        open_places(path)

    assert raised.value.field == "PUG_GEO_DATABASE"
    assert str(path) in raised.value.message


def test_a_damaged_database_never_fails_a_lookup(tmp_path: Path) -> None:
    whole = write_mmdb(tmp_path / "whole.mmdb", MAXMIND).read_bytes()
    refused = 0
    for cut in range(0, len(whole), 7):
        damaged = tmp_path / f"{cut}.mmdb"
        damaged.write_bytes(whole[:cut] + b"\xff" + whole[cut + 1 :])
        try:
            find_place = open_places(damaged)
        except SettingsInvalid:
            refused += 1
            continue

        assert find_place(ip_address("89.160.20.112")).keys() <= LINKOEPING.keys()

    assert refused


def test_every_country_is_on_one_continent() -> None:
    assert len(CONTINENT_OF) == 250
    assert all(len(country) == 2 and country.isupper() for country in CONTINENT_OF)
