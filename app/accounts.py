"""Builds what knows who may call: keys, accounts, sessions, mail and the provider."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.printed_mail import show_on_terminal
from core.errors import OidcUnavailable, SettingsInvalid, StoreUnavailable
from core.instruments import Instruments
from core.settings import Settings
from services.accounts.credentials import Credentials, LookUp, by_prefix
from services.accounts.key_uses import KeyUses
from services.accounts.mail import Mailer
from services.accounts.orgs.parts import org_parts
from services.accounts.quotas import Quotas
from services.accounts.repository import AccountsRepository
from services.accounts.service import AccountsService
from services.accounts.sign_in.mailers import PrintedMail, SmtpMail, smtp_server
from services.accounts.sign_in.oidc.fetching import Fetching, require_safe
from services.accounts.sign_in.oidc.provider import Client, Provider
from services.accounts.sign_in.parts import Policy, SignIn, sign_in_parts
from services.accounts.sign_in.refusals import Refusals
from services.rpc.standing import SignedIn

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_KEY_USES_EVERY = timedelta(minutes=1)
_PRUNED_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may call, and the service that manages it."""

    repository: AccountsRepository
    credentials: Credentials
    key_uses: KeyUses
    sign_in: SignIn
    service: AccountsService

    async def keep_up(self, stop: asyncio.Event) -> None:
        """Write down what keys were used and delete what has expired, regularly and at the end; then wait for what is under way."""
        await asyncio.gather(
            regularly(self.key_uses.write, _KEY_USES_EVERY, stop),
            *(regularly(prune, _PRUNED_EVERY, stop) for prune in self.sign_in.prunes),
        )
        await self.sign_in.errands.finish()


def build_accounts(
    settings: Settings, postgres: AsyncEngine, further: dict[str, LookUp] | None = None, instruments: Instruments | None = None
) -> Accounts:
    """All of it; `further` look-ups are for tokens of other prefixes."""
    repository, key_uses = AccountsRepository(postgres), KeyUses(postgres, _now)

    async def find_session(token: str) -> SignedIn | None:
        return await sign_in.sessions.find(token)

    keys: dict[str, LookUp] = {"pk_": repository.find_credential, "sk_": repository.find_credential}
    credentials = Credentials(by_prefix({**keys, "at_": find_session, **(further or {})}))
    policy, mailer = _policy(settings), _mailer(settings)
    sign_in = sign_in_parts(postgres, policy, mailer, _provider(settings), forget=credentials.forget, now=_now)
    in_orgs = org_parts(postgres, policy, mailer, sign_in, credentials=credentials, now=_now)
    return Accounts(
        repository, credentials, key_uses, sign_in, AccountsService(sign_in, in_orgs, Refusals(instruments or Instruments.none()))
    )


def _policy(settings: Settings) -> Policy:
    sends = bool(settings.smtp_url.get_secret_value())
    confirms = sends if settings.confirm_email is None else settings.confirm_email
    url = settings.public_url or f"http://localhost:{settings.http_port}"
    return Policy(settings.sign_up, confirms, sends, url, quotas_of(settings))


def quotas_of(settings: Settings) -> Quotas:
    """How much of everything there may be."""
    return Quotas(
        settings.account_orgs,
        settings.org_projects,
        settings.org_members,
        settings.project_keys,
        settings.project_boards,
    )


def _mailer(settings: Settings) -> Mailer:
    if url := settings.smtp_url.get_secret_value():
        return SmtpMail(smtp_server(url), settings.mail_from)
    return PrintedMail(show_on_terminal(settings.log_format))


def _provider(settings: Settings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    try:
        require_safe(settings.oidc_issuer, settings.oidc_issuer)
    except OidcUnavailable as error:
        raise SettingsInvalid("PUG_OIDC_ISSUER is no https:// address.", field="PUG_OIDC_ISSUER", hint=error.hint) from error
    secret = settings.oidc_client_secret.get_secret_value()
    client = Client(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_redirect_url)
    return Provider(client, Fetching(settings.oidc_issuer, ssl.create_default_context()), _now)


async def regularly(chore: Callable[[], Awaitable[None]], pause: timedelta, stop: asyncio.Event) -> None:
    """Do something at the end of every pause, and once more when told to stop."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause.total_seconds())
        await _tried(chore)


async def _tried(chore: Callable[[], Awaitable[None]]) -> None:
    """Whatever goes wrong, the next time is another chance."""
    try:
        await chore()
    except StoreUnavailable as error:
        log.warning("chore_put_off", chore=chore.__qualname__, error=error.message)
    except Exception:
        log.exception("chore_failed", chore=chore.__qualname__)


def _now() -> datetime:
    return datetime.now(UTC)
