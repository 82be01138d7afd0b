"""Writes down when keys were last used: in batches and beside the calls, which don't wait for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Uuid

from core.postgres import answering
from services.accounts.tables import api_keys
from services.rpc.call import Credential

# However many processes a key is used in, it is written about once in so long.
_MINUTE = timedelta(minutes=1)


class KeyUses:
    """Gathers what was used until it is written down."""

    def __init__(self, postgres: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._postgres = postgres
        self._now = now
        self._used: set[str] = set()

    def note(self, credential: Credential) -> None:
        """A call came by the credential; only those that are keys are noted."""
        if credential.project and not credential.account and not credential.dashboard_id:
            self._used.add(credential.key_id)

    async def write(self) -> None:
        """Say of all that were used since the last time that it was now; raises StoreUnavailable and has them still."""
        if not self._used:
            return
        used, self._used = self._used, set()
        try:
            await self._write([UUID(key_id) for key_id in used])
        except BaseException:
            self._used |= used
            raise

    async def _write(self, used: list[UUID]) -> None:
        now = self._now()
        # Another process that writes them at the same time is not waited for: it writes the same minute.
        due = (
            select(api_keys.c.id)
            .where(api_keys.c.id == any_(bindparam("used", used, type_=ARRAY(Uuid))))
            .where(or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= now - _MINUTE))
            .with_for_update(skip_locked=True)
        )
        with answering():
            async with self._postgres.begin() as connection:
                await connection.execute(update(api_keys).where(api_keys.c.id.in_(due)).values(last_used_at=now))
