"""Ids that are refused for ever, because whoever had them was erased.

Of an id only a keyed hash is kept: without the key nobody can tell whose it was, and with the key only whether it is a certain one's.
"""

import asyncio
import hashlib
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import answering
from core.rows import senders_of
from core.server_secrets import ServerSecrets

KEY = "erasure_key"
_HASH_BYTES = 16
_NEW = text("SELECT number, project_id, id_hash FROM tombstones WHERE number > :read ORDER BY number")
_KNOWN = text("SELECT id_hash, erasure_id FROM tombstones WHERE project_id = :project AND id_hash = ANY(:hashes)")
# Whoever adds some holds this lock until they have committed: so numbers are committed in their order.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('tombstones'))")
_ADD = text("""
    INSERT INTO tombstones (project_id, id_hash, erasure_id)
    SELECT :project, id_hash, CAST(:erasure AS uuid) FROM unnest(CAST(:hashes AS bytea[])) AS id_hash
    ON CONFLICT (project_id, id_hash) DO UPDATE SET erasure_id = excluded.erasure_id
""")


class IdHasher:
    """Hashes the ids of a project."""

    def __init__(self, key: bytes) -> None:
        self._begun = hashlib.blake2b(key=key, digest_size=_HASH_BYTES)

    def hash(self, project_id: int, distinct_id: bytes) -> bytes:
        """The 16 bytes an id is known by; the same id in another project has others."""
        hashed = self._begun.copy()
        hashed.update(b"%d\0%b" % (project_id, distinct_id))
        return hashed.digest()

    def hash_text(self, project_id: int, distinct_id: str) -> bytes:
        """The same of text; half of a character, which UTF-8 has no bytes for, is nobody's."""
        return self.hash(project_id, distinct_id.encode("utf-8", "replace"))


async def hasher_of(secrets: ServerSecrets) -> IdHasher:
    """What hashes ids under a Pug's key."""
    return IdHasher(await secrets.get(KEY))


class Tombstones:
    """Which ids are refused, as far as it was read; reading again costs only what is new."""

    def __init__(self, postgres: AsyncEngine, secrets: ServerSecrets) -> None:
        self._postgres = postgres
        self._secrets = secrets
        self._hasher: IdHasher | None = None
        self._hashes: dict[int, set[bytes]] = {}
        self._read = 0
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read what was committed before this call; raises StoreUnavailable when PostgreSQL doesn't answer."""
        hasher = await hasher_of(self._secrets)
        async with self._reading:
            with answering():
                async with self._postgres.connect() as connection:
                    found = (await connection.execute(_NEW, {"read": self._read})).all()
            self._hasher = hasher
            for number, project_id, id_hash in found:
                self._hashes.setdefault(project_id, set()).add(bytes(id_hash))
                self._read = number

    def places(self, rows: bytes) -> tuple[int, ...]:
        """The places of the rows whose distinct id is refused. Of projects without any no row costs more than a look at its project."""
        return tuple(place for place, project, sender in senders_of(rows, self._hashes.keys()) if self._refuses(project, sender))

    def refusing(self, project_id: int) -> Callable[[str], bool] | None:
        """Says of an id of the project whether it is refused; None of a project in which none is."""
        if project_id not in self._hashes:
            return None
        return lambda distinct_id: self._refuses(project_id, distinct_id.encode("utf-8", "replace"))

    def _refuses(self, project_id: int, distinct_id: bytes) -> bool:
        hasher = self._hasher
        return hasher is not None and hasher.hash(project_id, distinct_id) in self._hashes[project_id]


async def erasures_of(connection: AsyncConnection, project_id: int, hashes: list[bytes]) -> dict[bytes, str]:
    """The erasures by which some ids of a project are refused, by their hashes; those of the others aren't among them."""
    found = await connection.execute(_KNOWN, {"project": project_id, "hashes": hashes})
    return {bytes(id_hash): str(erasure_id) for id_hash, erasure_id in found}


async def add(connection: AsyncConnection, project_id: int, erasure_id: str, hashes: list[bytes]) -> None:
    """Refuse ids from when the transaction is committed."""
    await connection.execute(_LOCK)
    await connection.execute(_ADD, {"project": project_id, "erasure": erasure_id, "hashes": hashes})
