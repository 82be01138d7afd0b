"""Distinct ids that a program sends when it doesn't know who is there: taken at their word, they would be one very busy person."""

NIL_UUID = "00000000-0000-0000-0000-000000000000"
_PLACEHOLDERS = frozenset(
    {
        *("anonymous", "guest", "distinct_id", "id", "not_authenticated", "email", "undefined", "null", "none", "nil", "nan"),
        *("true", "false", "0", "[object object]", NIL_UUID, NIL_UUID.replace("-", ""), ""),
    },
)


def is_placeholder(distinct_id: str) -> bool:
    """Whether an id stands for nobody, whatever its case and whatever blanks and quotes surround it."""
    return distinct_id.strip().strip("\"'`").strip().lower() in _PLACEHOLDERS
