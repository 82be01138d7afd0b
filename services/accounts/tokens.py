"""Makes tokens. Of all that open anything only the hash is kept."""

import hashlib
import secrets

_RANDOM_BYTES = 20


def new_token(prefix: str) -> str:
    """160 random bits after a prefix that says what they open, such as `at`."""
    return f"{prefix}_{secrets.token_hex(_RANDOM_BYTES)}"


def hashed(token: str) -> bytes:
    """What is kept of a token. It is random and long, so a plain SHA-256 is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()
