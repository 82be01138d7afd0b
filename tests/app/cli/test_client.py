import json
from pathlib import Path

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from app.cli.client import CliError, DevNotes, KeyKind, Server, UsageError, call_failure, find_server, read_dev_notes

NOTES = DevNotes(Path("dev.json"), "http://127.0.0.1:8080", "127.0.0.1:9090", "1", "pk_dev", "sk_dev")


def test_the_running_pug_is_found_by_itself_with_the_key_that_fits() -> None:
    assert find_server(None, None, KeyKind.WRITE, NOTES) == Server("http://127.0.0.1:8080", "pk_dev", "dev.json")
    assert find_server(None, None, KeyKind.SECRET, NOTES).key == "sk_dev"
    assert find_server("http://localhost:8080/", None, KeyKind.SECRET, NOTES).key == "sk_dev"


def test_what_is_given_wins() -> None:
    assert find_server("https://pug.example.com", "sk_x", KeyKind.SECRET, NOTES) == Server("https://pug.example.com", "sk_x", "--url")


def test_a_key_of_the_running_pug_is_never_sent_elsewhere() -> None:
    with pytest.raises(CliError, match=r"No key is known for https://pug\.example\.com"):
        find_server("https://pug.example.com", None, KeyKind.SECRET, NOTES)


@pytest.mark.parametrize("key", ["sk_one\nsk_two", "sk_…"])
def test_a_key_that_no_header_can_carry_is_a_usage_error_that_does_not_repeat_it(key: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_server(None, key, KeyKind.SECRET, NOTES)

    assert "PUG_SECRET_KEY" in refused.value.fix
    assert key not in refused.value.message


def test_without_any_server_the_fix_is_to_start_one() -> None:
    with pytest.raises(CliError) as refused:
        find_server(None, None, KeyKind.SECRET, None)

    assert "pug dev" in refused.value.fix


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:99999"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        find_server(url, "k", KeyKind.SECRET, None)


def test_notes_that_cannot_be_read_are_one_line_and_missing_ones_are_none(tmp_path: Path) -> None:
    assert read_dev_notes(tmp_path) is None
    for content in ("{", "[]", json.dumps({"http_url": "x"})):
        (tmp_path / "dev.json").write_text(content)
        with pytest.raises(CliError, match="cannot be read"):
            read_dev_notes(tmp_path)


def test_a_certificate_that_is_not_trusted_is_told_as_what_it_is_with_the_fix() -> None:
    server = Server("https://127.0.0.1:1", "k", "/x/dev.json")
    message = "Request failed: client error (Connect): invalid peer certificate: "

    own = call_failure(ConnectError(Code.UNAVAILABLE, message + "UnknownIssuer"), server)
    expired = call_failure(ConnectError(Code.UNAVAILABLE, message + "Expired"), server)

    assert "its certificate is not trusted (UnknownIssuer)" in own.message
    assert "--ca-certificate" in own.fix
    assert "renew" in expired.fix


def test_a_certificate_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")

    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(UsageError, match="--ca-certificate"):
            find_server("https://x", "k", KeyKind.SECRET, None, path)


def test_a_server_that_is_not_there_is_told_with_where_it_was_looked_for() -> None:
    failure = call_failure(ConnectError(Code.UNAVAILABLE, "connection refused"), Server("http://127.0.0.1:1", "k", "/x/dev.json"))

    assert "http://127.0.0.1:1 (/x/dev.json)" in failure.message
    assert "pug dev" in failure.fix
