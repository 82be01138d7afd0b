"""Filters, breakdowns and events in the short form people type."""

import re
from collections.abc import Sequence
from datetime import date

from google.protobuf.struct_pb2 import Value

from app.cli.client import UsageError
from pug.insights.v1.breakdown_pb2 import Breakdown
from pug.insights.v1.filter_pb2 import SOURCE_PERSON, SOURCE_SESSION, SOURCE_UNSPECIFIED, EventMatcher, Filter, Source

# The brackets are escaped, for help texts are markup.
FILTER_HELP = """Filters:

plan=pro   plan=pro,team (any of)   plan!=free   price>=10   price=10..20 (between)   vip=true   zip="01234" (a text, not a number)

name*=ann (contains)   name!*=ann   $url^=https (starts with)   $url$=.pdf (ends with)   $url=~'/a.c/' (RE2)   $url!~x

coupon (is set)   !coupon (is not set)   due<2026-03-01   due>=2026-03-01   "trial ends" in last 7d

@tier=gold (a trait of the person)   session:$utm_source=news (the session's first value)

Events: purchase   'purchase\\[price>=10 & plan=pro]' (with filters)   '*' (any)"""

_KEY = r'(?P<source>@|session:)?(?P<key>"[^"]+"|[^\s=!<>*^~"@][^\s=!<>*^~"]*?)'
_COMPARISON = re.compile(_KEY + r"\s*(?P<operator>!\*=|\*=|\^=|\$=|=~|!~|!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL)
_IN_LAST = re.compile(_KEY + r"\s+in\s+last\s+(?P<span>\d+[smhdw])")
_PRESENCE = re.compile(r"(?P<absent>!)?" + _KEY)
_PROPERTY = re.compile(_KEY)
_EVENT = re.compile(r"(?P<name>[^\[]*)(?:\[(?P<filters>.*)\])?", re.DOTALL)
_PARTS = re.compile(r'(?:"[^"]*"|[^&"])+')
_VALUES = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^,]*))\s*(?:,|$)')
# Not 01234: what begins with a zero is a code, not a number.
_NUMBER = r"[+-]?(?:0|[1-9]\d{0,14})(?:\.\d+)?"
_BETWEEN = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")

_SOURCES: dict[str | None, Source] = {None: SOURCE_UNSPECIFIED, "@": SOURCE_PERSON, "session:": SOURCE_SESSION}
_OPERATORS: dict[str, Filter.Op] = {
    "=": Filter.OP_IS,
    "!=": Filter.OP_IS_NOT,
    ">": Filter.OP_GT,
    ">=": Filter.OP_GTE,
    "<": Filter.OP_LT,
    "<=": Filter.OP_LTE,
    "*=": Filter.OP_CONTAINS,
    "!*=": Filter.OP_NOT_CONTAINS,
    "^=": Filter.OP_STARTS_WITH,
    "$=": Filter.OP_ENDS_WITH,
    "=~": Filter.OP_MATCHES,
    "!~": Filter.OP_NOT_MATCHES,
}
_PATTERNS = frozenset({"=~", "!~"})
_TEXTS = frozenset({"*=", "!*=", "^=", "$="})
_TIMES: dict[str, Filter.Op] = {"<": Filter.OP_BEFORE, ">=": Filter.OP_AFTER}
_ANY_EVENT = "*"


def filter_of(text: str, option: str = "--where") -> Filter:
    """`price>=10` as a filter; `option` is where it was written."""
    written = text.strip()
    if found := _IN_LAST.fullmatch(written):
        return _filter(found, Filter.OP_IN_LAST, [found["span"]])
    if found := _COMPARISON.fullmatch(written):
        return _comparison(found, option)
    if found := _PRESENCE.fullmatch(written):
        return _filter(found, Filter.OP_IS_NOT_SET if found["absent"] else Filter.OP_IS_SET, [])
    raise UsageError(f"{option}: '{text}' is not a filter.", "Write it like plan=pro, price>=10 or @tier=gold; --help shows all.")


def breakdowns_of(texts: Sequence[str] | None) -> list[Breakdown]:
    """What --breakdown says."""
    return [breakdown_of(each) for each in texts or ()]


def breakdown_of(text: str, option: str = "--breakdown") -> Breakdown:
    """`plan`, `@tier` or `session:$utm_source` as a breakdown."""
    found = _PROPERTY.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option}: '{text}' is not a property.", "Write it like plan, @tier or session:$utm_source.")
    return Breakdown(property=found["key"].strip('"'), source=_SOURCES[found["source"]])


def event_of(text: str, option: str) -> EventMatcher:
    """`purchase` or `purchase[price>=10 & plan=pro]` as what picks events."""
    found = _EVENT.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{option}: '{text}' is not an event.", "Write it like purchase or 'purchase[price>=10 & plan=pro]'.")
    name = found["name"].strip()
    filters = [filter_of(part, option) for part in _PARTS.findall(found["filters"] or "")]
    return EventMatcher(name="" if name == _ANY_EVENT else name, filters=filters)


def _comparison(found: "re.Match[str]", option: str) -> Filter:
    operator, value = found["operator"], found["value"].strip()
    if operator in _PATTERNS:
        return _filter(found, _OPERATORS[operator], [value.strip("'")])
    if (bounds := _BETWEEN.fullmatch(value)) and operator in {"=", "!="}:
        return _filter(found, Filter.OP_BETWEEN if operator == "=" else Filter.OP_NOT_BETWEEN, [float(bounds[1]), float(bounds[2])])
    if _is_time(value) and operator in {"<", "<=", ">", ">="}:
        if operator not in _TIMES:
            raise UsageError(f"{option}: a time is compared by < (before) or >= (at or after), not by {operator}.", "Use one of them.")
        return _filter(found, _TIMES[operator], [value])
    values = _values(value)
    return _filter(found, _OPERATORS[operator], values if operator in _TEXTS else [_scalar(each) for each in values])


def _filter(found: "re.Match[str]", op: Filter.Op, values: Sequence[str | float | bool]) -> Filter:
    return Filter(property=found["key"].strip('"'), source=_SOURCES[found["source"]], op=op, values=[_value(each) for each in values])


class _Quoted(str):
    """A text that says it is one."""

    __slots__ = ()


def _values(text: str) -> list[str]:
    if not text:
        return [""]
    return [
        _Quoted(each["quoted"]) if each["quoted"] is not None else each["bare"].strip()
        for each in _VALUES.finditer(text)
        if each["quoted"] is not None or each["bare"].strip()
    ]


def _scalar(text: str) -> str | float | bool:
    if isinstance(text, _Quoted):
        return str(text)
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if re.fullmatch(_NUMBER, text) else text


def _value(content: str | float | bool) -> Value:  # noqa: FBT001 (one of a filter's values)
    match content:
        case bool():
            return Value(bool_value=content)
        case str():
            return Value(string_value=content)
        case _:
            return Value(number_value=content)


def _is_time(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
