import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from services.rpc.compression import TooLaborious
from services.rpc.failures import Envelope, failure_of
from services.rpc.patience import late

QUERY = Envelope("message", "compression", "query parameter")


@pytest.mark.parametrize(
    ("said", "told", "field"),
    [
        ("decompress: zstd", "The body is not valid zstd, as content-encoding says.", "body"),
        ("protocol error", "body: protocol error. Check", "body"),
    ],
)
def test_what_the_transport_refuses_is_told_in_words_for_the_caller(said: str, told: str, field: str) -> None:
    failure = failure_of(ConnectError(Code.INVALID_ARGUMENT, said), method="Capture", request_id="1")

    assert failure.message.startswith(told)
    assert (failure.info.reason, failure.info.field) == ("MALFORMED_REQUEST", field)
    assert failure.info.hint


@pytest.mark.parametrize(
    ("envelope", "told", "field"),
    [
        (Envelope(), "The header content-encoding names 'bzip2', which is not known here.", "content-encoding"),
        (Envelope(encoding="grpc-encoding"), "The header grpc-encoding names 'bzip2', which is not known here.", "grpc-encoding"),
        (QUERY, "The query parameter compression names 'bzip2', which is not known here.", "compression"),
    ],
)
def test_an_unknown_encoding_is_told_by_what_named_it(envelope: Envelope, told: str, field: str) -> None:
    said = ConnectError(Code.UNIMPLEMENTED, "unknown compression: 'bzip2': supported encodings are gzip")

    failure = failure_of(said, method="Query", request_id="1", envelope=envelope)

    assert failure.message == f"{told} Send gzip, zstd, br, or leave {field} out."
    assert (failure.info.reason, failure.info.field) == ("UNSUPPORTED_ENCODING", field)


@pytest.mark.parametrize(("envelope", "field", "encoding"), [(Envelope(), "body", "content-encoding"), (QUERY, "message", "compression")])
def test_a_body_that_takes_long_to_unpack_is_told_why_and_what_to_do(envelope: Envelope, field: str, encoding: str) -> None:
    failure = failure_of(TooLaborious("zstd", "has more than 64 frames"), method="Query", request_id="1", envelope=envelope)

    assert failure.code is Code.INVALID_ARGUMENT
    assert failure.message == f"The {field}, zstd as {encoding} says, has more than 64 frames. {failure.info.hint}"
    assert f"leave {encoding} out" in failure.info.hint
    assert (failure.info.reason, failure.info.field) == ("MALFORMED_REQUEST", field)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "'message' parameter is required for GET requests",
            "'message' parameter is required for GET requests. Add message={} to the query.",
        ),
        ("Invalid base64 encoding", "message: Invalid base64 encoding. Check its encoding."),
        ("decompress: zstd", "The message is not valid zstd, as compression says. Compress it whole, or leave compression out."),
    ],
)
def test_what_is_wrong_with_a_query_is_told_of_its_message(said: str, told: str) -> None:
    failure = failure_of(ConnectError(Code.INVALID_ARGUMENT, said), method="Query", request_id="1", envelope=QUERY)

    assert (failure.message, failure.info.field) == (told, "message")


def test_a_deadline_of_the_callers_is_told_apart_from_a_body_that_was_late() -> None:
    envelope = Envelope(deadline="connect-timeout-ms: 5")

    timed_out = failure_of(ConnectError(Code.DEADLINE_EXCEEDED, "Request timed out"), method="Query", request_id="1", envelope=envelope)
    stalled = failure_of(late(30.0), method="Query", request_id="1", envelope=envelope)

    assert timed_out.message == (
        "The call took longer than its header 'connect-timeout-ms: 5' allows. Allow more time, ask for less, or send the body faster."
    )
    assert stalled.message == "The body did not arrive within 30 s. Send it faster, or send less at once."
    assert (timed_out.info.field, stalled.info.field) == ("connect-timeout-ms", "body")
