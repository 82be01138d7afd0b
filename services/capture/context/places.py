"""Where a client is: as its CDN says, or as a database of addresses does."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

import maxminddb
from iptocc import country_code

from core.errors import SettingsInvalid
from services.capture.context.addresses import Address
from services.capture.context.continents import CONTINENT_OF, CONTINENTS

Place = dict[str, str | float]
FindPlace = Callable[[Address], Place]

# Cloudflare's names; others' can be renamed at the proxy.
CDN_COUNTRY = "cf-ipcountry"
CDN_HEADERS = (
    CDN_COUNTRY,
    "cf-ipcontinent",
    "cf-region",
    "cf-ipcity",
    "cf-postal-code",
    "cf-iplatitude",
    "cf-iplongitude",
    "cf-timezone",
)
_PROPERTIES = ("$country", "$continent", "$region", "$city", "$postal_code", "$latitude", "$longitude", "$timezone")
# MaxMind's layout, which DB-IP uses too, and the flat ones of ip-location-db, DB-IP and IPinfo; the first that is there counts.
_PATHS: tuple[tuple[str, ...], ...] = (
    ("country.iso_code", "registered_country.iso_code", "country_code", "country"),
    ("continent.code", "continent_code", "continent"),
    ("subdivisions.0.names.en", "subdivisions.0.iso_code", "state1", "stateprov", "region_name", "region"),
    ("city.names.en", "city"),
    ("postal.code", "postcode", "postal_code", "zip_code", "postal"),
    ("location.latitude", "latitude", "lat"),
    ("location.longitude", "longitude", "lng", "lon"),
    ("location.time_zone", "timezone", "time_zone"),
)
_MAX_TEXT = 200
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def cdn_place(values: tuple[str, ...]) -> Place:
    """The place in the values of `CDN_HEADERS`; what is unknown or cannot be read is left out."""
    return _place(map(_from_header, values))


def registry_place(address: Address) -> Place:
    """The country to which the registry gave the address: offline, from what the package brings along."""
    return _place([country_code(str(address))]) if _is_somewhere(address) else {}


def open_places(path: Path | None) -> FindPlace:
    """Finds places in an .mmdb file; without one, countries in what the registries have published."""
    if path is None:
        return registry_place
    try:
        database = maxminddb.open_database(path, maxminddb.MODE_AUTO)
        # A truncated file may open all the same.
        database.get("8.8.8.8")
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        reason = getattr(error, "strerror", None) or "it is no .mmdb database, or a damaged one"
        raise SettingsInvalid(
            f"PUG_GEO_DATABASE: {path} cannot be read: {reason}.",
            field="PUG_GEO_DATABASE",
            hint="Name an .mmdb file this account may read, or leave it out for countries only.",
        ) from error
    return lambda address: _recorded_place(database, address)


def _recorded_place(database: maxminddb.Reader, address: Address) -> Place:
    if not _is_somewhere(address):
        return {}
    try:
        record = cast("object", database.get(address))
    except (ValueError, maxminddb.InvalidDatabaseError):
        # An IPv6 address in a database of IPv4 ones, or a damaged page: no reason to refuse events.
        return {}
    return _place(_first(record, paths) for paths in _PATHS)


def _is_somewhere(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _first(record: object, paths: tuple[str, ...]) -> object:
    found = (_at(record, path) for path in paths)
    return next((value for value in found if isinstance(value, str | int | float) and value != ""), None)


def _at(record: object, path: str) -> object:
    for step in path.split("."):
        if isinstance(record, Mapping):
            record = cast("Mapping[str, object]", record).get(step)
        elif isinstance(record, list) and step.isdecimal() and record:
            record = cast("list[object]", record)[int(step)]
        else:
            return None
    return record


def _place(values: Iterable[object]) -> Place:
    """Values in the order of `_PROPERTIES`; the last may be missing."""
    raw = dict(zip(_PROPERTIES, values, strict=False))
    place = {key: read for key, value in raw.items() if value is not None and (read := _READERS[key](value)) is not None}
    country = place.get("$country")
    if "$continent" not in place and country is not None:
        place["$continent"] = CONTINENT_OF[str(country)]
    return place


def _country(value: object) -> str | None:
    code = str(value).strip().upper()
    # XX (unknown), T1 (Tor), EU and AP (some country there) are none.
    return code if code in CONTINENT_OF else None


def _continent(value: object) -> str | None:
    code = str(value).strip().upper()
    return code if code in CONTINENTS else None


def _text(value: object) -> str | None:
    text = _CONTROL.sub("", str(value)).strip()[:_MAX_TEXT]
    return text if text and text.lower() != "unknown" else None


def _time_zone(value: object) -> str | None:
    text = str(value).strip()
    return text if len(text) <= _MAX_TEXT and _TIME_ZONE.fullmatch(text) else None


def _degrees(most: float) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        try:
            degrees = float(cast("str | float", value))
        except ValueError:
            return None
        return degrees if math.isfinite(degrees) and abs(degrees) <= most else None

    return read


_READERS: Mapping[str, Callable[[object], str | float | None]] = {
    "$country": _country,
    "$continent": _continent,
    "$region": _text,
    "$city": _text,
    "$postal_code": _text,
    "$latitude": _degrees(90),
    "$longitude": _degrees(180),
    "$timezone": _time_zone,
}


def _from_header(value: str) -> str:
    """Headers are bytes read as Latin-1, but a CDN writes names of places in UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value.encode(errors="replace").decode()
