"""Decides how often it may be tried to sign in, whichever process is asked."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.allowance import Rate
from core.errors import TooManyAttempts
from core.postgres import transaction
from services.accounts.tables import attempts

# From one place: a guesser's many addresses, or an office's many people.
_OF_A_PEER = Rate(30, timedelta(seconds=2))
# At one account, wherever from.
_OF_AN_ACCOUNT = Rate(10, timedelta(seconds=30))
# Nobody's mailbox is to be filled by strangers.
_MAILS = Rate(5, timedelta(minutes=2))
_KNOWN_HELD = 100_000
_NO_PAUSE = timedelta()


@dataclass(frozen=True, slots=True)
class _Allowance:
    """What is counted, and how often it may be."""

    key: bytes
    rate: Rate


class Attempts:
    """Counts in PostgreSQL, by address and by peer.

    Strangers who guess at somebody's password use up the attempts at that account, but not its owner's: from where somebody has signed in
    before, they are counted apart. Where that was, each process remembers for itself, as no address is kept. A link is another way.
    """

    def __init__(self, postgres: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._postgres = postgres
        self._now = now
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def guess(self, email: str, peer: str) -> None:
        """A password is about to be tried; raises TooManyAttempts like all that follow."""
        await self._take(_of_peer(peer), self._at_account(email, peer))

    async def succeeded(self, email: str, peer: str) -> None:
        """It was the right one: that doesn't count, and whoever comes from there is known."""
        async with transaction(self._postgres) as connection:
            for each in (_of_peer(peer), self._at_account(email, peer)):
                given_back = {"paid_until": attempts.c.paid_until - each.rate.pause}
                await connection.execute(update(attempts).where(attempts.c.key_hash == each.key).values(given_back))
        self._known[email, peer] = None
        self._known.move_to_end((email, peer))
        if len(self._known) > _KNOWN_HELD:
            self._known.popitem(last=False)

    async def mail(self, email: str, peer: str) -> None:
        """A mail is about to be sent, or an account to be made."""
        await self._take(_of_peer(peer), _Allowance(_key("mail", email), _MAILS))

    async def prune(self) -> None:
        """Delete what counts no longer."""
        async with transaction(self._postgres) as connection:
            await connection.execute(delete(attempts).where(attempts.c.paid_until <= self._now()))

    def _at_account(self, email: str, peer: str) -> _Allowance:
        key = _key("known", email, peer) if (email, peer) in self._known else _key("account", email)
        return _Allowance(key, _OF_AN_ACCOUNT)

    async def _take(self, *wanted: _Allowance) -> None:
        now, over = self._now(), _NO_PAUSE
        # What was taken before a refusal stays taken, so the refusal is raised after the transaction.
        async with transaction(self._postgres) as connection:
            for each in wanted:
                if over := await _taken(connection, each, now):
                    break
        if over:
            raise TooManyAttempts(
                "That was tried too often.",
                hint=f"Try again after {over.total_seconds():.0f} s, or ask for a link by mail.",
                retry_after=over,
            )


async def _taken(connection: AsyncConnection, wanted: _Allowance, now: datetime) -> timedelta:
    """Zero when it is allowed, which is then counted; otherwise for how long not."""
    pause, most = wanted.rate.pause, now + wanted.rate.at_once * wanted.rate.pause
    paid_until = func.greatest(attempts.c.paid_until, now) + pause
    query = (
        insert(attempts)
        .values(key_hash=wanted.key, paid_until=now + pause)
        .on_conflict_do_update(index_elements=[attempts.c.key_hash], set_={"paid_until": paid_until}, where=paid_until <= most)
        .returning(attempts.c.paid_until)
    )
    if (await connection.execute(query)).one_or_none():
        return _NO_PAUSE
    known = (await connection.execute(select(attempts.c.paid_until).where(attempts.c.key_hash == wanted.key))).scalar_one()
    return known + pause - most


def _of_peer(peer: str) -> _Allowance:
    return _Allowance(_key("peer", peer), _OF_A_PEER)


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
