"""How messages are read and written."""

import re

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from core.errors import MalformedRequest, PugError, UnknownField


def read_binary(body: bytes, message_class: type[Message]) -> Message:
    """A message from protobuf's binary format."""
    try:
        return message_class.FromString(body)
    except DecodeError as error:
        raise MalformedRequest(
            "The body is not the protobuf message this RPC takes.",
            hint="Check the message type and the content type.",
        ) from error


def read_json(body: bytes, message_class: type[Message]) -> Message:
    """A message from protobuf's JSON format. Unknown fields are refused: a misspelt one must not become a silent default."""
    message = message_class()
    try:
        json_format.Parse(body, message)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _refusal(str(error)) from error
    return message


def write_binary(message: Message) -> bytes:
    """A message in protobuf's binary format."""
    return message.SerializeToString()


def write_json(message: Message) -> bytes:
    """A message in protobuf's JSON format, zeros and empty lists included."""
    return json_format.MessageToJson(message, indent=None, always_print_fields_with_no_presence=True, ensure_ascii=False).encode()


# json_format tells where and what only in its sentences:
#   Failed to parse insight field: Message type "…" has no field named "evnt" at "QueryRequest.insight.trends.series[0]".
#    Available Fields(except extensions): "['event', 'metric']"
_UNKNOWN = re.compile(
    r'has no field named "(?P<name>[^"]*)" at "(?P<path>[^"]*)"\.\s*'
    r'Available Fields[^:]*: "\[(?P<known>[^\]]*)\]"',
)
_PARENT = re.compile(r"Failed to parse (\w+) field: ")
_PLACE = re.compile(r"\s+at \w+(?:\.(?P<path>[\w.\[\]]*[\w\]]))?\.*$")


def _refusal(sentence: str) -> PugError:
    if unknown := _UNKNOWN.search(sentence):
        path = ".".join([*unknown["path"].split(".")[1:], unknown["name"]])
        return UnknownField(f"There is no field '{path}'.", field=path, hint=f"Known here: {unknown['known'].replace(chr(39), '')}.")
    place = _PLACE.search(sentence)
    path = (place and place["path"]) or ".".join(_PARENT.findall(sentence))
    what = _PLACE.sub("", _PARENT.sub("", sentence)).strip().rstrip(".")[:200]
    if path:
        return MalformedRequest(f"'{path}' cannot be read: {what}.", field=path, hint="Check its type against the contract in proto/.")
    return MalformedRequest(f"The body is not the JSON this RPC takes: {what}.", hint="Check it against the contract in proto/.")
