"""Who is counted: the one place that says what a person is, in SQL."""

from core.sql import Sql, sql


def is_counted() -> Sql:
    """Holds for the events of those who are counted among the persons, on a row of events: all but cookieless visitors.

    A visitor has another id every day, so counting them would make many persons of one.
    """
    return sql("cookieless = 0")


def person() -> Sql:
    """What persons are told apart by, on a row of events: the hash of the distinct_id."""
    return sql("distinct_hash")
