"""Messages as PostgreSQL keeps them: protobuf JSON, which people can read and migrations can change."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from google.protobuf import json_format
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from core.errors import InvalidArgument, TooLong
from services.rpc.unwritable import first_unwritable

Document = dict[str, object]
M = TypeVar("M", bound=Message)

_MOST_BYTES = 32 * 1024


def check_size(message: Message, field: str) -> None:
    """Refuse an insight or filters that are too long to be listed with a thousand others; `field` is their path in the request."""
    if message.ByteSize() > _MOST_BYTES:
        raise TooLong(f"It takes more than {_MOST_BYTES:,} bytes.", field=field, hint="Name fewer values in its filters.")


def written(message: Message, field: str) -> Document:
    """The message as JSON; `field` is its path in the request, should there be something in it that JSON or PostgreSQL cannot hold."""
    try:
        document = cast("Document", MessageToDict(message))
    except (json_format.Error, ValueError) as error:
        # Such as a filter by NaN, or a time of the year 20000. What lies in a field json_format wraps in an error of its own.
        raise InvalidArgument(
            "The value cannot be kept.", field=first_unwritable(message, field), hint="Use finite numbers and times until the year 9999."
        ) from error
    if (place := _nul_in(document, field)) is not None:
        raise InvalidArgument("The text has a NUL in it.", field=place, hint="Leave it out.")
    return document


def read(document: Mapping[str, object], message: M) -> M:
    """The message that was written; what a later version knows of it and this one doesn't is passed over."""
    return ParseDict(dict(document), message, ignore_unknown_fields=True)


def _nul_in(value: object, field: str) -> str | None:
    """The path of the first text with a NUL in it."""
    match value:
        case str():
            return field if "\0" in value else None
        case Mapping():
            parts = [(f"{field}.{key}", inner) for key, inner in cast("Mapping[str, object]", value).items()]
        case Sequence():
            parts = [(f"{field}[{place}]", inner) for place, inner in enumerate(cast("Sequence[object]", value))]
        case _:
            return None
    return next((found for path, inner in parts if (found := _nul_in(inner, path)) is not None), None)
