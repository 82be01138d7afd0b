"""Reads an event that msgspec would not, to find what is wrong with it, or that nothing is.

Slower and more patient: field names in either spelling, integers beyond 64 bits, times finer than a microsecond.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import cast

from core.errors import MalformedRequest
from services.capture.batch import Reason
from services.capture.rules import (
    MAX_KEY,
    MAX_TEXT,
    Refused,
    check_level,
    check_property_count,
    key_refused,
    not_finite,
    occurred_at_invalid,
    property_path,
    read_rfc3339,
    text_too_long,
)

_MIN_INT, _MAX_UINT = -(2**63), 2**64 - 1
_FIELDS = ("eventId", "name", "distinctId", "sessionId", "occurredAt", "properties", "cookieless")
_SPELLINGS = {
    **{field: field for field in _FIELDS},
    "event_id": "eventId",
    "distinct_id": "distinctId",
    "session_id": "sessionId",
    "occurred_at": "occurredAt",
}
# What others call them.
_OTHER_NAMES = {"event": "name", "time": "occurredAt", "timestamp": "occurredAt"}
# No number that fits 64 bits has more, its sign included.
_MAX_DIGITS = 20
_LONGEST_TYPO = 24
_ENOUGH_IN_COMMON = 0.4


@dataclass(frozen=True, slots=True)
class LooseEvent:
    """An event whose properties and time are good; its identity is still to be checked."""

    event_id: str
    name: str
    distinct_id: str
    session_id: str
    occurred_ms: int | None
    properties: dict[str, object]
    cookieless: bool


def load(data: bytes) -> object:
    """Any JSON, also with half a surrogate pair or bytes that aren't UTF-8: both become lone surrogates, refused where they are found."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        return _load(text, int)
    except _NumberTooLong:
        return _load(text, _read_int)


def _load(text: str, parse_int: Callable[[str], int | float]) -> object:
    try:
        # NaN and Infinity are no JSON, but several languages write them: they cost their own event, not the batch.
        return json.loads(text, parse_int=parse_int, parse_constant=float)
    except RecursionError as error:
        raise MalformedRequest("The JSON is nested too deeply to be read.", hint="Properties may be 5 levels deep.") from error
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"This is not JSON: {error}.") from error
    except ValueError as error:
        raise _NumberTooLong from error


class _NumberTooLong(Exception):
    """An integer of thousands of digits, which Python won't read."""


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def read_event(event: object) -> LooseEvent:
    """The event, or `Refused` with the first thing that is wrong with it."""
    if not isinstance(event, dict):
        raise Refused(Reason.WRONG_TYPE, "", "An event must be an object.")
    fields = {_known(key): value for key, value in cast("dict[str, object]", event).items()}
    return LooseEvent(
        event_id=_read_identity(fields, "eventId"),
        name=_read_identity(fields, "name"),
        distinct_id=_read_identity(fields, "distinctId"),
        session_id=_read_identity(fields, "sessionId"),
        occurred_ms=_read_occurred_at(fields.get("occurredAt")),
        properties=_read_properties(fields.get("properties")),
        cookieless=_read_cookieless(fields.get("cookieless")),
    )


def id_of(event: object) -> str:
    """What a refused event says its id is."""
    if not isinstance(event, dict):
        return ""
    fields = cast("dict[str, object]", event)
    event_id = fields.get("eventId", fields.get("event_id"))
    return event_id if isinstance(event_id, str) else ""


def _known(key: str) -> str:
    field = _SPELLINGS.get(key)
    if field is None:
        shown = property_path("", key)
        raise Refused(Reason.UNKNOWN_FIELD, shown, f"An event has no field `{shown}`. {_advice(key[:_LONGEST_TYPO])}")
    return field


def _advice(key: str) -> str:
    if meant := _OTHER_NAMES.get(key.lower()):
        return f"Did you mean `{meant}`?"
    # Pairs of letters rather than difflib, which takes 40 µs: a batch may have a thousand typos.
    pairs = _pairs(key)
    nearest = max(_FIELDS, key=lambda field: _in_common(pairs, _pairs(field)))
    if _in_common(pairs, _pairs(nearest)) < _ENOUGH_IN_COMMON:
        return "Put what you know about it into `properties`."
    return f"Did you mean `{nearest}`?"


def _pairs(word: str) -> set[str]:
    bounded = f"^{word.lower()}$"
    return {bounded[place : place + 2] for place in range(len(bounded) - 1)}


def _in_common(these: set[str], those: set[str]) -> float:
    return 2 * len(these & those) / (len(these) + len(those))


def _read_identity(fields: dict[str, object], field: str) -> str:
    value = fields.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(Reason.WRONG_TYPE, field, f"`{field}` must be a string.")
    _check_unicode(value, field)
    return value


def _read_occurred_at(value: object) -> int | None:
    if value is None:
        return None
    occurred_ms = read_rfc3339(value)
    if occurred_ms is None:
        raise occurred_at_invalid()
    return occurred_ms


def _read_cookieless(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise Refused(Reason.WRONG_TYPE, "cookieless", "`cookieless` must be true or false.")
    return bool(value)


def _read_properties(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(Reason.WRONG_TYPE, "properties", "`properties` must be an object.")
    properties = cast("dict[str, object]", value)
    check_property_count(len(properties))
    return _read_object(properties, "properties", 1)


def _read_object(fields: dict[str, object], path: str, depth: int) -> dict[str, object]:
    check_level(depth, path)
    kept: dict[str, object] = {}
    for key, value in fields.items():
        if not 0 < len(key) <= MAX_KEY:
            raise key_refused(key, path)
        _check_unicode(key, path)
        if value is not None:
            kept[key] = _read_value(value, path, key, depth)
    return kept


def _read_list(items: list[object], path: str, depth: int) -> list[object]:
    check_level(depth, path)
    # In a list null keeps its place: dropping it would move the others.
    return [_read_value(item, path, place, depth) for place, item in enumerate(items)]


def _read_value(value: object, path: str, key: str | int, depth: int) -> object:
    if isinstance(value, int):
        return value if _MIN_INT <= value <= _MAX_UINT else _nearest_float(value, path, key)
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise text_too_long(len(value), property_path(path, key))
        _check_unicode(value, path, key)
    elif isinstance(value, float):
        if not isfinite(value):
            raise not_finite(property_path(path, key))
    elif isinstance(value, dict):
        return _read_object(cast("dict[str, object]", value), property_path(path, key), depth + 1)
    elif isinstance(value, list):
        return _read_list(cast("list[object]", value), property_path(path, key), depth + 1)
    return value


def _nearest_float(value: int, path: str, key: str | int) -> float:
    """A number too long for 64 bits: a JSON column would keep it as a string."""
    try:
        return float(value)
    except OverflowError as error:
        raise not_finite(property_path(path, key)) from error


def _check_unicode(text: str, path: str, key: str | int | None = None) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = (
            "A string is not valid Unicode: it holds half a surrogate pair, or bytes that aren't UTF-8. Was it cut inside a character?"
        )
        raise Refused(Reason.TEXT_INVALID, path if key is None else property_path(path, key), message) from error
