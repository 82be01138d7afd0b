"""Who is counted: the one place that says what a person is, in SQL."""

from core.sql import Sql, sql


def person() -> Sql:
    """What persons are told apart by, on a row of events: the hash of the distinct_id."""
    return sql("distinct_hash")
