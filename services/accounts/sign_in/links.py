"""Sends links to sign in by, and takes them back: one works for an address at a time, once, for 15 minutes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import transaction
from services.accounts.mail import Mailer
from services.accounts.sign_in.letters import Letters
from services.accounts.sign_in.newcomers import Newcomers
from services.accounts.sign_in.registered import Newcomer, find_by_email
from services.accounts.tables import magic_links
from services.accounts.tokens import hashed, new_token

_WORKS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Links:
    """Links that work. A newer one for the same address replaces the one before."""

    postgres: AsyncEngine
    mailer: Mailer
    letters: Letters
    newcomers: Newcomers
    now: Callable[[], datetime]

    async def send(self, email: str) -> None:
        """Send a link to an address that has an account, or may have one; to others nothing."""
        async with transaction(self.postgres) as connection:
            if not await find_by_email(connection, email) and not await self.newcomers.may_come(connection, email):
                return
            token = await self.keep(connection, Newcomer(email, time_zone=""))
        letter = self.letters.sign_in(token)
        await self.mailer.send(email, letter.subject, letter.text)

    async def send_to_confirm(self, newcomer: Newcomer) -> None:
        """Send a link by which somebody's account is made; to who has one, a link to sign in to that."""
        async with transaction(self.postgres) as connection:
            known = await find_by_email(connection, newcomer.email)
            if not known and not await self.newcomers.may_come(connection, newcomer.email):
                return
            token = await self.keep(connection, Newcomer(newcomer.email, time_zone="") if known else newcomer)
        letter = self.letters.registered_already(token) if known else self.letters.confirm(token)
        await self.mailer.send(newcomer.email, letter.subject, letter.text)

    async def take(self, connection: AsyncConnection, token: str) -> Newcomer | None:
        """Whom a link belongs to, which works no longer when the transaction has ended: of two who come with it at once, one finds it."""
        query = delete(magic_links).where(magic_links.c.token_hash == hashed(token)).returning(magic_links)
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None or row["expires_at"] <= self.now():
            return None
        return Newcomer(row["email"], row["name"], row["password"], row["time_zone"])

    async def prune(self) -> None:
        """Delete links that work no longer."""
        async with transaction(self.postgres) as connection:
            await connection.execute(delete(magic_links).where(magic_links.c.expires_at <= self.now()))

    async def keep(self, connection: AsyncConnection, newcomer: Newcomer) -> str:
        """A new link's token, for somebody who may have an account or has one; links of before work no longer."""
        token = new_token("ml")
        values = {
            "token_hash": hashed(token),
            "expires_at": self.now() + _WORKS,
            "name": newcomer.name,
            "password": newcomer.password,
            "time_zone": newcomer.time_zone,
        }
        query = insert(magic_links).values(email=newcomer.email, **values)
        await connection.execute(query.on_conflict_do_update(index_elements=[magic_links.c.email], set_=values))
        return token
