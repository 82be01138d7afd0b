"""Remembers sign-ins that have gone to the provider, for as long as somebody may take there."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from core.postgres import transaction
from services.accounts.tables import oidc_states
from services.accounts.tokens import hashed

_LIVES = timedelta(minutes=10)
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Begun:
    """What has to come back from the provider, and what the provider wants to see when the code is exchanged."""

    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class States:
    """Sign-ins by their state: random, kept by the browser that began, and good for one return within ten minutes."""

    postgres: AsyncEngine
    now: Callable[[], datetime]

    async def begin(self) -> tuple[str, Begun]:
        """A new one, by its state."""
        state, begun = secrets.token_urlsafe(_BYTES), Begun(secrets.token_urlsafe(_BYTES), secrets.token_urlsafe(_BYTES))
        values = {
            "state_hash": hashed(state),
            "nonce": begun.nonce,
            "code_verifier": begun.code_verifier,
            "expires_at": self.now() + _LIVES,
        }
        async with transaction(self.postgres) as connection:
            await connection.execute(insert(oidc_states).values(values))
        return state, begun

    async def take(self, state: str) -> Begun | None:
        """The one with this state, once."""
        query = delete(oidc_states).where(oidc_states.c.state_hash == hashed(state)).returning(oidc_states)
        async with transaction(self.postgres) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return Begun(row["nonce"], row["code_verifier"]) if row and row["expires_at"] > self.now() else None

    async def prune(self) -> None:
        """Delete those that nobody came back for."""
        async with transaction(self.postgres) as connection:
            await connection.execute(delete(oidc_states).where(oidc_states.c.expires_at <= self.now()))
