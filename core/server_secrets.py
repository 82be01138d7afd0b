"""Secrets that all processes of a Pug share: given by a setting, or made when they are first needed and kept in PostgreSQL."""

import hashlib
import secrets
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.errors import SettingsInvalid
from core.postgres import transaction

SECRET_BYTES = 32
_FIND = text("SELECT secret, fingerprint FROM server_secrets WHERE name = :name")
_ADD = text("INSERT INTO server_secrets (name, secret, fingerprint) VALUES (:name, :secret, :fingerprint) ON CONFLICT DO NOTHING")


class ServerSecrets:
    """32 bytes under each name."""

    def __init__(self, postgres: AsyncEngine, given: Mapping[str, bytes] | None = None) -> None:
        """`given` are those that a setting says; of them PostgreSQL is told at most what tells one from another."""
        self._postgres = postgres
        self._given = given or {}
        self._known: dict[str, bytes] = {}

    async def get(self, name: str, *, replaceable: bool = False) -> bytes:
        """The secret; raises SettingsInvalid when a setting gives another one than before, unless it may be replaced."""
        if replaceable and name in self._given:
            return self._given[name]
        if name not in self._known:
            async with transaction(self._postgres) as connection:
                self._known[name] = await self._find(connection, name)
        return self._known[name]

    async def _find(self, connection: AsyncConnection, name: str) -> bytes:
        given = self._given.get(name)
        new = given or secrets.token_bytes(SECRET_BYTES)
        # Of several processes that start at once, all go by the first one's.
        await connection.execute(_ADD, {"name": name, "secret": None if given else new, "fingerprint": _fingerprint(name, new)})
        kept = (await connection.execute(_FIND, {"name": name})).one()
        secret = given or kept.secret
        if secret is None or _fingerprint(name, secret) != kept.fingerprint:
            setting = f"PUG_{name.upper()}"
            raise SettingsInvalid(
                f"{setting} {'is not set any more' if secret is None else 'is another than before'}, so that what was made with it"
                " would not be recognised.",
                field=setting,
                hint="Set the one from before.",
            )
        return bytes(secret)


def _fingerprint(name: str, secret: bytes) -> bytes:
    return hashlib.blake2b(name.encode(), key=secret, digest_size=16).digest()
