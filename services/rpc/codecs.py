"""How messages are read and written."""

import json
import re

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from core.errors import MalformedRequest, PugError, UnknownField
from services.rpc.misfits import Misfit, first_misfit
from services.rpc.plain_json import plain_writer

_HINT = "Check it against the contract in proto/."


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
        raise _refusal(str(error), _misfit_of(body, message_class)) from error
    # json_format looks for fields in whatever it gets, and finds none in an empty list or text.
    if not body.lstrip().startswith(b"{"):
        raise MalformedRequest("The body must be an object.", hint=_HINT)
    return message


def write_binary(message: Message) -> bytes:
    """A message in protobuf's binary format."""
    return message.SerializeToString()


def write_json(message: Message) -> bytes:
    """A message in protobuf's JSON format, zeros and empty lists included."""
    if (write := plain_writer(message.DESCRIPTOR)) is not None:
        return json.dumps(write(message), ensure_ascii=False).encode()
    return json_format.MessageToJson(message, indent=None, always_print_fields_with_no_presence=True, ensure_ascii=False).encode()


# json_format tells where and what only in its sentences:
#   Failed to parse insight field: Message type "…" has no field named "evnt" at "QueryRequest.insight.trends.series[0]".
#    Available Fields(except extensions): "['event', 'metric']"
_PARENTS = re.compile(r"(?:Failed to parse \w+ field: )+")
_PARENT = re.compile(r"Failed to parse (\w+) field: ")
_UNKNOWN = re.compile(
    r'has no field named "(?P<name>[^"]*)" at "(?P<path>[^"]*)"\.\s*'
    r'Available Fields[^:]*: "\[(?P<known>[^\]]*)\]"',
)
_PLACE = re.compile(r" at \w+(?:\.(?P<path>[\w.\[\]]*[\w\]]))?\.*$")
# Of a sentence's head and tail: what is longer than both together is the caller's own text, however long that is.
_KEPT = 600
_QUOTED = 200


def _misfit_of(body: bytes, message_class: type[Message]) -> Misfit | None:
    try:
        return first_misfit(json.loads(body), message_class)
    except (ValueError, RecursionError):
        return None


def _refusal(sentence: str, misfit: Misfit | None) -> PugError:
    if misfit and misfit.path:
        return MalformedRequest(f"'{misfit.path}' {misfit.words}.", field=misfit.path, hint=_HINT)
    if misfit:
        return MalformedRequest(f"The body {misfit.words}.", hint=_HINT)
    parents = _PARENTS.match(sentence)
    told = _shortened(sentence[parents.end() if parents else 0 :])
    if unknown := _UNKNOWN.search(told):
        path = ".".join([*unknown["path"].split(".")[1:], unknown["name"][:_QUOTED]])
        return UnknownField(f"There is no field '{path}'.", field=path, hint=f"Known here: {unknown['known'].replace(chr(39), '')}.")
    place = _PLACE.search(told)
    path = (place and place["path"]) or ".".join(_PARENT.findall(parents[0] if parents else ""))
    what = _PLACE.sub("", told).strip().rstrip(".")[:_QUOTED]
    if path:
        return MalformedRequest(f"'{path}' cannot be read: {what}.", field=path, hint=_HINT)
    return MalformedRequest(f"The body is not the JSON this RPC takes: {what}.", hint=_HINT)


def _shortened(sentence: str) -> str:
    """A sentence of bounded length: patterns searched in what a caller wrote must not take longer the more is written."""
    return sentence if len(sentence) <= 2 * _KEPT else f"{sentence[:_KEPT]}…{sentence[-_KEPT:]}"
