"""What the properties of an event may be, whichever format it comes in."""

import json

import pytest

from batches import ID, OTHER_ID, Decode, event, only_problem, stored_properties, with_properties
from pug.capture.v1 import capture_pb2
from services.capture.batch import Batch, Problem, Reason, receipt


def test_properties_keep_their_natural_json_types(decode: Decode) -> None:
    natural: dict[str, object] = {
        "s": "é😀",
        "i": -3,
        "f": 0.25,
        "t": True,
        "n": {"a": {"b": [1, 2, 3]}},
        "texts": ["a", None, "b"],
        "l": [],
        "o": {},
        "e": "",
        "z": 0,
    }

    batch = decode(with_properties(**natural))

    assert stored_properties(batch) == natural
    assert b".0" not in batch.rows


def test_null_is_absent_except_in_a_list_where_it_keeps_its_place(decode: Decode) -> None:
    batch = decode(with_properties(a=None, b={"c": None, "d": 1}, e=[None, 1]))

    assert stored_properties(batch) == {"b": {"d": 1}, "e": [None, 1]}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([1, "x", {"c": False, "d": [1]}], ["1", "x", '{"c":false,"d":[1]}']),
        ([[1], [2]], ["[1]", "[2]"]),
        ([[1.0], {"e": 2.0}], ["[1]", '{"e":2}']),
        ([True, 1], ["true", "1"]),
        ([None, {"f": None}], [None, "{}"]),
        ([1, 2.5], [1.0, 2.5]),
    ],
)
def test_a_list_of_different_things_or_of_objects_is_kept_as_texts(decode: Decode, sent: list[object], kept: list[object]) -> None:
    batch = decode(with_properties(deep={"list": sent}))

    assert stored_properties(batch) == {"deep": {"list": kept}}


def test_the_word_null_in_a_string_is_a_word(decode: Decode) -> None:
    batch = decode(with_properties(a="null", b=["null"]))

    assert stored_properties(batch) == {"a": "null", "b": ["null"]}


def test_what_only_the_server_knows_is_stripped_silently(decode: Decode) -> None:
    owned = ["$country", "$region", "$city", "$continent", "$postal_code", "$latitude", "$longitude", "$timezone"]
    owned += ["$bot", "$bot_name", "$channel", "$referrer_domain", "$ip"]

    batch = decode(with_properties(**dict.fromkeys(owned, "mine"), **{"$browser": "Firefox", "country": "FR"}))

    assert stored_properties(batch) == {"$browser": "Firefox", "country": "FR"}


@pytest.mark.parametrize("key", ["__proto__", "^x", "a.:Int64", "a.", "a..b", ".", " ", "a`b", 'a"b', "a\\b", "x" * 200])
def test_odd_keys_belong_to_the_customer(decode: Decode, key: str) -> None:
    batch = decode(with_properties(**{key: 1}))

    assert stored_properties(batch) == {key: 1}


def nested(levels: int) -> object:
    return 1 if not levels else {"a": nested(levels - 1)}


def nested_lists(levels: int) -> object:
    return 1 if not levels else [nested_lists(levels - 1)]


@pytest.mark.parametrize(
    ("properties", "reason", "field"),
    [
        ({"": 1}, "PROPERTY_KEY_EMPTY", "properties"),
        ({"a": {"": 1}}, "PROPERTY_KEY_EMPTY", "properties.a"),
        ({"a": [{"": None}]}, "PROPERTY_KEY_EMPTY", "properties.a[0]"),
        ({"k" * 201: 1}, "PROPERTY_KEY_TOO_LONG", f"properties.{'k' * 50}…"),
        ({"a": "x" * 8_193}, "PROPERTY_TOO_LONG", "properties.a"),
        ({"a": {"b": ["", "x" * 8_193]}}, "PROPERTY_TOO_LONG", "properties.a.b[1]"),
        ({str(i): i for i in range(257)}, "PROPERTIES_TOO_MANY", "properties"),
        ({"a": nested(5)}, "PROPERTIES_TOO_DEEP", "properties.a.a.a.a.a"),
        ({"a": nested_lists(5)}, "PROPERTIES_TOO_DEEP", "properties.a[0][0][0][0]"),
        ({"a": {"b": {"c": {"d": {"e": {}}}}}}, "PROPERTIES_TOO_DEEP", "properties.a.b.c.d.e"),
        ({str(i): "x" * 8_000 for i in range(9)}, "PROPERTIES_TOO_LARGE", "properties"),
        ({"a": "x\0"}, "NUL_CHARACTER", "properties.a"),
        ({"a\0": 1}, "NUL_CHARACTER", "properties"),
        ({"a": {"b": [1, "\0"]}}, "NUL_CHARACTER", "properties.a.b[1]"),
    ],
)
def test_properties_over_a_limit_refuse_their_event(decode: Decode, properties: dict[str, object], reason: str, field: str) -> None:
    batch = decode(event(properties=properties), event(eventId=OTHER_ID))

    assert batch.accepted == 1
    assert [(p.index, p.reason, p.field) for p in batch.problems] == [(0, reason, field)]


@pytest.mark.parametrize(
    "properties",
    [
        {"k" * 200: "x" * 8_192},
        {"a": "😀" * 8_192},
        {str(i): i for i in range(256)},
        {"a": nested(4)},
        {"a": {str(i): i for i in range(300)}},
        {"a": "\\u0000"},
    ],
)
def test_properties_at_a_limit_pass(decode: Decode, properties: dict[str, object]) -> None:
    batch = decode(event(properties=properties))

    assert stored_properties(batch) == properties


def test_lists_may_be_nested_as_deep_as_objects(decode: Decode) -> None:
    batch = decode(event(properties={"a": nested_lists(4)}))

    assert batch.accepted == 1


def test_properties_may_take_64_kib_to_the_byte(decode: Decode) -> None:
    most = {str(i): "x" * 8_000 for i in range(8)}
    most["rest"] = "x" * (64 * 1024 - len(json.dumps(most, separators=(",", ":"))) - len(',"rest":""'))

    batch = decode(event(properties=most))
    over = decode(event(properties=most | {"rest": most["rest"] + "x"}))

    assert stored_properties(batch) == most
    assert only_problem(over) == ("PROPERTIES_TOO_LARGE", "properties")


def test_the_receipt_tells_the_client_what_became_of_the_batch() -> None:
    refused = Problem(2, ID, Reason.NAME_MISSING, "name", "No name.")
    warned = Problem(0, OTHER_ID, Reason.CLOCK_SKEW_IGNORED, "occurredAt", "Odd clock.", warning=True)

    answer = receipt(Batch(rows=b"", event_ids=["1", "2", "3"], duplicates=1, problems=[warned, refused]))

    assert answer == capture_pb2.CaptureResponse(
        accepted=3,
        duplicates=1,
        rejected=1,
        problems=[
            capture_pb2.Problem(
                index=0, event_id=OTHER_ID, reason="CLOCK_SKEW_IGNORED", field="occurredAt", message="Odd clock.", warning=True
            ),
            capture_pb2.Problem(index=2, event_id=ID, reason="NAME_MISSING", field="name", message="No name."),
        ],
    )
