"""Hashes passwords: slowly on purpose, with much memory, and so few at a time that it isn't too much."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from core.errors import TooManyRequests
from services.accounts.sign_in.typed import PASSWORD_LENGTHS, normal_password

# Above what OWASP asks for at least (19 MiB, two passes); less than the library's default, which would take a fifth of a second of a core
# that may be capturing events. It measured at 0.08 s.
_PASSES, _KIB, _LANES = 3, 32 * 1024, 1
_AT_ONCE = 2
_WAITING = 50
_SOON = timedelta(seconds=2)

_Value = TypeVar("_Value")


class Passwords:
    """Argon2id, in threads of its own: however many ask, two hashes at a time are in memory."""

    def __init__(self, hasher: PasswordHasher | None = None, waiting: int = _WAITING) -> None:
        """So many may be asked for at once; more are refused."""
        self._hasher = hasher or PasswordHasher(_PASSES, _KIB, _LANES)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = waiting
        self._asked = 0
        self._nobody = _hash_of_nobody(self._hasher)

    async def hash(self, password: str) -> str:
        """What is kept of a password; raises TooManyRequests like all that follow."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def matches(self, password: str, known: str | None) -> bool:
        """Whether it is the password that was hashed. It takes as long where there is none, so that nobody learns that."""
        normal = normal_password(password)
        # Nobody has a longer one, and time would tell how long it is.
        asked = normal if len(normal) <= PASSWORD_LENGTHS[1] else ""
        matched = await self._in_thread(lambda: self._verified(known or self._nobody, asked))
        return matched and known is not None

    def is_outdated(self, known: str) -> bool:
        """Whether it was hashed by other parameters than those of today."""
        return self._hasher.check_needs_rehash(known)

    def _verified(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], _Value]) -> _Value:
        if self._asked >= self._waiting:
            raise TooManyRequests("Too many are signing in just now.", hint="Try again in a moment.", retry_after=_SOON)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._asked -= 1


def _hash_of_nobody(hasher: PasswordHasher) -> str:
    """A hash by the same parameters that no password has."""
    salt, digest = (base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${digest}"
