"""What happened before what."""

from core.sql import sql

# The order of the events of a session or a person: by time, those of one millisecond by id. A number costs less than half of what a tuple
# does, and in it an id is ordered as it is written; as a UUID it is ordered by its last half first. Signed, for times before 1970.
ORDER = sql("bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id)")
PLACE = sql("{order} AS place", order=ORDER)
