"""Who belongs together in a session, counted naively: written from what a session is, not from the SQL."""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta

from story import Happening

PAUSE = timedelta(minutes=30)


def sessions_of(happenings: Sequence[Happening]) -> Mapping[str, Hashable]:
    """The session of each event, by event id; give it all events there are."""
    found: dict[str, Hashable] = {}
    last: dict[str, Happening] = {}
    for happening in sorted(happenings, key=lambda one: one.at):
        before = last.get(happening.distinct_id)
        if happening.session_id:
            found[happening.event_id] = happening.session_id
            continue
        joins = before is not None and happening.at - before.at <= PAUSE
        found[happening.event_id] = found[before.event_id] if before and joins else (happening.distinct_id, happening.at)
        last[happening.distinct_id] = happening
    return found


def session_values(happenings: Sequence[Happening], key: str) -> Mapping[str, object]:
    """The value of a property at the first event of the session that has one, None for none, by the id of each event."""
    sessions = sessions_of(happenings)
    found: dict[Hashable, object] = {}
    for happening in sorted(happenings, key=lambda one: (one.at, one.event_id)):
        if (value := happening.properties.get(key)) is not None:
            found.setdefault(sessions[happening.event_id], value)
    return {happening.event_id: found.get(sessions[happening.event_id]) for happening in happenings}


def followed(start: datetime, end: datetime, at: datetime) -> bool:
    """Whether sessions of a range are followed as far as that."""
    return start - timedelta(days=1) <= at < end + timedelta(days=1)
