"""Who is counted: the one place that says what a person is, in SQL."""

from core.sql import Sql, sql


def is_counted() -> Sql:
    """Holds for the events of those who are counted among the persons, on a row of events: all but cookieless visitors.

    A visitor has another id every day, so counting them would make many persons of one.
    """
    # What services/capture/cookieless begins the ids it derives with.
    return sql("NOT startsWith(distinct_id, 'cookieless-')")


def person() -> Sql:
    """What persons are told apart by, on a row of events: the hash of the distinct_id."""
    return sql("distinct_hash")
