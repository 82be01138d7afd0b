"""Makes tokens. Of all that open anything only the hash is kept (`hashed` in repository.py)."""

import secrets

_RANDOM_BYTES = 20


def new_token(prefix: str) -> str:
    """160 random bits after a prefix that says what they open, such as `at`."""
    return f"{prefix}_{secrets.token_hex(_RANDOM_BYTES)}"
