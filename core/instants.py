"""Instants as whole milliseconds since 1970, which is how exactly events are kept in time, and as messages."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970; a finer fraction is cut."""
    return (instant - EPOCH) // MILLISECOND


def at_milliseconds(since_1970: int) -> datetime:
    """The instant so many milliseconds after 1970 began, in UTC."""
    return EPOCH + since_1970 * MILLISECOND


def timestamp(instant: datetime) -> Timestamp:
    """The instant as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message
