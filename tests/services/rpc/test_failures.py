import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError

from services.rpc.failures import failure_of


@pytest.mark.parametrize(
    ("said", "told", "field"),
    [
        ("decompress: zstd", "The body is not valid zstd, as content-encoding says.", "body"),
        ("'message' parameter is required for GET requests", "'message' parameter is required", "message"),
        ("protocol error", "body: protocol error", "body"),
    ],
)
def test_what_the_transport_refuses_is_told_in_words_for_the_caller(said: str, told: str, field: str) -> None:
    failure = failure_of(ConnectError(Code.INVALID_ARGUMENT, said), method="Capture", request_id="1")

    assert failure.message.startswith(told)
    assert (failure.info.reason, failure.info.field) == ("MALFORMED_REQUEST", field)
    assert failure.info.hint
