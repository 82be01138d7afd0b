"""What passes can be stored: the rows go to the real engine as the events worker sends them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.sql import sql, unsigned
from services.capture.batch import Arrival, Batch
from services.capture.json_batch import decode_json
from story import next_project
from workers.store import COLUMNS, FORMAT, SETTINGS

ODD_KEYS = [
    "a",
    "b",
    "a.b",
    "a.b.c",
    "a.",
    ".a",
    "a..b",
    ".",
    "^x",
    "a.:Int64",
    ":Int64",
    "__proto__",
    "a`b",
    'a"',
    "a\\",
    "a[]",
    "%2E",
    "$ip",
    "$url",
]
KEYS = st.sampled_from(ODD_KEYS) | st.text(min_size=1, max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-100, 100)
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "true", "1", "null", "\\", "\\N", "\x7f\u2028😀", "ᐃ"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
PROPERTIES = st.dictionaries(KEYS, VALUES, max_size=8)


async def store(clickhouse: ClickHouse, arrival: Arrival, events: list[object]) -> tuple[Batch, dict[str, list[tuple[str, object]]]]:
    """The batch, and the stored properties of each event as paths and values."""
    mine = replace(arrival, project_id=next_project())
    batch = decode_json(json.dumps({"events": events}).encode(), mine).batch()
    if batch.rows:
        await clickhouse.insert_bytes("events_in", COLUMNS, batch.rows, FORMAT, SETTINGS)
    query = sql("SELECT event_id, properties FROM events WHERE project_id = {project}", project=unsigned(mine.project_id))
    answer = await clickhouse.query_bytes(query, "JSONCompactEachRow")
    return batch, {row[0]: row[1] for row in map(paths_of_row, answer.splitlines())}


def paths_of_row(row: bytes) -> tuple[str, list[tuple[str, object]]]:
    # Pairs, because a path may be both a value and the parent of others, which the engine writes as a key given twice.
    event_id, properties = json.loads(row, object_pairs_hook=Pairs)
    return cast("str", event_id), comparable(cast("Pairs", properties))


class Pairs(list[tuple[str, object]]):
    """A JSON object as it was written."""


def pairs(value: Mapping[str, object]) -> Pairs:
    return cast("Pairs", json.loads(json.dumps(value), object_pairs_hook=Pairs))


def leaves(fields: Pairs, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in fields:
        if isinstance(value, Pairs):
            yield from leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, plain(value)


def plain(value: object) -> object:
    if isinstance(value, Pairs):
        return comparable(value)
    return [plain(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def comparable(fields: Pairs) -> list[tuple[str, object]]:
    """Paths and values in their order; of a path given twice the first, as the engine keeps it."""
    kept: dict[str, object] = {}
    for path, value in leaves(fields):
        kept.setdefault(path, value)
    return sorted(kept.items(), key=lambda item: item[0])


def same(sent: object, stored: object) -> bool:
    """Whether a value came back as it was, to the type; a number may come back as the nearest float."""
    if isinstance(sent, (list, tuple)) and isinstance(stored, (list, tuple)):
        these, those = cast("Sequence[object]", sent), cast("Sequence[object]", stored)
        return len(these) == len(those) and all(map(same, these, those))
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored
    if isinstance(sent, int | float) and isinstance(stored, int | float):
        return float(sent) == float(stored)
    # ClickHouse has no null among lists: it comes back as an empty one.
    return sent == stored or (sent is None and stored == [])


def accepted_properties(batch: Batch) -> dict[str, list[tuple[str, object]]]:
    rows = [json.loads(row) for row in batch.rows.split(b"\n")] if batch.rows else []
    return {row[0]: comparable(pairs(row[7])) for row in rows}


def assert_stored(batch: Batch, stored: dict[str, list[tuple[str, object]]]) -> None:
    accepted = accepted_properties(batch)
    assert stored.keys() == accepted.keys()
    assert [(accepted[event_id], stored[event_id]) for event_id in accepted if not same(accepted[event_id], stored[event_id])] == []


@given(many=st.lists(PROPERTIES, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_passes_can_be_stored_and_comes_back_as_it_was(
    clickhouse: ClickHouse, arrival: Arrival, many: list[dict[str, object]]
) -> None:
    events = [{"name": "stored", "distinctId": "ann", "properties": properties} for properties in many]

    batch, stored = await store(clickhouse, arrival, cast("list[object]", events))

    assert len(stored) == batch.accepted == len(events) - batch.rejected
    assert_stored(batch, stored)


DANGEROUS: list[dict[str, object]] = [
    {"a.b": 1, "a": {"b": 2}},
    {"a": 1, "a.b": 2},
    {"a": {"b": 1}, "a.b": {"c": 1}},
    {"a": 10**30, "b": [1, 10**30], "c": -(10**30), "d": 2**64 - 1, "e": 2**63},
    {"a": [None, 1, "x", {"b": None}, [1.5]], "b": [], "c": {}, "d": [[]], "e": [{}]},
    dict.fromkeys(ODD_KEYS, 1),
    {"a": 1.7976931348623157e308, "b": 5e-324, "c": -0.0, "d": 1e15},
    {str(number): number for number in range(256)},
    {"a": "x" * 8_192, "b": "\\" * 8_192, "c": '"' * 8_192, "d": "\x01" * 1_000},
]


@pytest.mark.parametrize("properties", DANGEROUS)
async def test_what_looks_dangerous_is_stored_as_well(clickhouse: ClickHouse, arrival: Arrival, properties: dict[str, object]) -> None:
    batch, stored = await store(clickhouse, arrival, [{"name": "stored", "distinctId": "ann", "properties": properties}])

    assert batch.problems == []
    assert_stored(batch, stored)


async def test_a_batch_of_many_paths_is_stored(clickhouse: ClickHouse, arrival: Arrival) -> None:
    events: list[object] = [
        {"name": "stored", "distinctId": "ann", "properties": {f"k{place}.{number}": number for number in range(30)}}
        for place in range(100)
    ]

    batch, stored = await store(clickhouse, arrival, events)

    assert batch.accepted == 100
    assert_stored(batch, stored)


EVENTS = st.fixed_dictionaries(
    {"eventId": st.uuids(version=4).map(str) | st.sampled_from(["0195b0a2-0000-7000-8000-000000000001", "nonsense"])},
    optional={
        "name": st.text(max_size=4),
        "distinctId": st.sampled_from(["ann", "bob", "null", " ", "", "cookieless-ann"]),
        "sessionId": st.text(max_size=4),
        "cookieless": st.booleans(),
        "occurredAt": st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
        # A number in protobuf is a float: only integers a float holds exactly can come to the same.
        "properties": PROPERTIES.filter(lambda properties: not re.search(r"[0-9]{16}", json.dumps(properties))),
    },
)


@given(events=st.lists(EVENTS, max_size=8), sent_at=st.none() | st.datetimes().map(lambda time: f"{time.isoformat()}Z"))
def test_both_formats_come_to_the_same(
    through_json: Callable[..., Batch],
    through_protobuf: Callable[..., Batch],
    events: list[object],
    sent_at: str | None,
) -> None:
    def outcome(through: Callable[..., Batch]) -> object:
        try:
            batch = through(*events, sent_at=sent_at)
        except Exception as error:  # noqa: BLE001 - whatever one raises, the other must
            return type(error), getattr(error, "field", None)
        problems = [(p.index, p.event_id, p.reason, p.warning) for p in batch.problems]
        return accepted_rows(batch), batch.accepted, batch.duplicates, problems

    assert outcome(through_json) == outcome(through_protobuf)


def accepted_rows(batch: Batch) -> list[object]:
    """The rows with their numbers as the floats that protobuf has for all of them, and their properties in no order."""
    rows = [json.loads(row) for row in batch.rows.split(b"\n")] if batch.rows else []
    return [[*row[:7], json.dumps(as_floats(row[7]), sort_keys=True)] for row in rows]


def as_floats(value: object) -> object:
    match value:
        case bool():
            return value
        case int() | float():
            return float(value) + 0.0
        case dict():
            return {key: as_floats(inner) for key, inner in cast("dict[str, object]", value).items()}
        case list():
            return [as_floats(item) for item in cast("list[object]", value)]
        case _:
            return value
