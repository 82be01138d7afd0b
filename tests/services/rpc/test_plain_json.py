import json

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from pug.accounts.v1 import accounts_pb2
from pug.capture.v1 import capture_pb2
from pug.common.v1.error_info_pb2 import ErrorInfo
from pug.insights.v1 import insights_pb2
from services.rpc.codecs import write_json
from services.rpc.plain_json import plain_writer

# What isn't half a surrogate pair, which no message can hold.
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
INT32 = st.integers(-(2**31), 2**31 - 1)
PROBLEMS = st.builds(capture_pb2.Problem, index=INT32, event_id=TEXT, reason=TEXT, field=TEXT, message=TEXT, warning=st.booleans())
RECEIPTS = st.builds(capture_pb2.CaptureResponse, accepted=INT32, duplicates=INT32, rejected=INT32, problems=st.lists(PROBLEMS, max_size=3))


@given(RECEIPTS | st.builds(ErrorInfo, reason=TEXT, field=TEXT, hint=TEXT))
def test_a_plain_message_is_written_as_protobuf_writes_it(message: Message) -> None:
    written = write_json(message)

    theirs = json_format.MessageToJson(message, indent=None, always_print_fields_with_no_presence=True, ensure_ascii=False)
    assert plain_writer(message.DESCRIPTOR) is not None
    assert json.loads(written) == json.loads(theirs)
    assert len(written) == len(theirs.encode())


@pytest.mark.parametrize(
    "message",
    [
        capture_pb2.Event,
        capture_pb2.CaptureRequest,
        capture_pb2.CaptureStreamResponse,
        insights_pb2.QueryResponse,
        insights_pb2.Insight,
        insights_pb2.GetSchemaResponse,
        insights_pb2.ExplainResponse,
        accounts_pb2.ListApiKeysResponse,
        Timestamp,
    ],
)
def test_any_other_message_is_left_to_protobuf(message: type[Message]) -> None:
    assert plain_writer(message.DESCRIPTOR) is None
