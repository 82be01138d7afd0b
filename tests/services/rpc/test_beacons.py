from collections.abc import MutableMapping
from typing import Any

import pytest

from services.rpc.beacons import open_beacon
from services.rpc.refusals import Refusal

Scope = MutableMapping[str, Any]
JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain;charset=UTF-8")
KEY = (b"authorization", b"Bearer pk_1")


def request(query: bytes, *headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": "POST", "headers": list(headers), "query_string": query}


def opened(scope: Scope, *, allowed: bool = True) -> Scope:
    call = open_beacon(scope, allowed=allowed)
    assert not isinstance(call, Refusal)
    return call


def refused(scope: Scope, *, allowed: bool = True) -> Refusal:
    call = open_beacon(scope, allowed=allowed)
    assert isinstance(call, Refusal)
    return call


@pytest.mark.parametrize("content_type", [b"text/plain", b"text/plain;charset=UTF-8", b"Text/Plain; charset=utf-8", b"application/json"])
def test_a_beacon_is_a_call_with_json_and_a_key(content_type: bytes) -> None:
    call = opened(request(b"key=pk_1", (b"content-type", content_type)))

    assert call["headers"] == [JSON, KEY]


def test_behind_it_the_key_is_in_no_url() -> None:
    assert opened(request(b"key=pk_1", TEXT))["query_string"] == b""


def test_the_same_key_in_header_and_query_is_one_key() -> None:
    assert opened(request(b"key=pk_1", JSON, KEY))["headers"] == [JSON, KEY]


def test_text_with_the_key_in_the_header_is_a_call_too() -> None:
    assert opened(request(b"", TEXT, KEY))["headers"] == [JSON, KEY]


@pytest.mark.parametrize(("query", "headers"), [(b"key=pk_2", (JSON, KEY)), (b"key=pk_1&key=pk_2", (JSON,))], ids=["header", "query"])
def test_two_keys_are_refused(query: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    refusal = refused(request(query, *headers))

    assert (refusal.status, refusal.info.field) == (400, "key")


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("query", [b"key=sk_1", b"a=b&key=pk_1&key=%73k_1", b"key=+sk_1"])
def test_a_secret_in_a_url_is_refused_whatever_is_called_and_is_to_be_revoked(query: bytes, *, allowed: bool) -> None:
    refusal = refused(request(query, JSON, KEY), allowed=allowed)

    assert (refusal.status, refusal.info.reason) == (401, "SECRET_IN_URL")
    assert "Revoke this key" in refusal.info.hint
    assert "sk_1" not in refusal.message


def test_elsewhere_a_key_in_the_query_counts_for_nothing() -> None:
    scope = request(b"key=pk_1&encoding=json", TEXT)

    assert opened(scope, allowed=False) == scope
