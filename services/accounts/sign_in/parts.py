"""Signing in, as a whole."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.accounts.mail import Mailer
from services.accounts.quotas import Quotas
from services.accounts.sign_in.attempts import Attempts
from services.accounts.sign_in.by_link import ByLink
from services.accounts.sign_in.by_oidc import ByOidc
from services.accounts.sign_in.by_password import ByPassword
from services.accounts.sign_in.errands import Errands
from services.accounts.sign_in.letters import Letters
from services.accounts.sign_in.links import Links
from services.accounts.sign_in.me import Me
from services.accounts.sign_in.newcomers import Newcomers, SignUp
from services.accounts.sign_in.oidc.provider import Provider
from services.accounts.sign_in.oidc.states import States
from services.accounts.sign_in.passwords import Passwords
from services.accounts.sign_in.sessions import Sessions
from services.accounts.sign_in.staying import Staying


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has decided."""

    sign_up: SignUp
    # Whether an account with a password is made only once its address has been confirmed.
    confirms: bool
    # Whether mail reaches nobody but the owner of its address; printed mail reaches whoever reads the log.
    mail_proves: bool
    # Where the page is that links lead to.
    public_url: str
    quotas: Quotas = field(default_factory=Quotas)


@dataclass(frozen=True, slots=True)
class SignIn:
    """The parts that answer, and what has to be done beside the calls."""

    by_password: ByPassword
    by_link: ByLink
    by_oidc: ByOidc
    staying: Staying
    me: Me
    newcomers: Newcomers
    sessions: Sessions
    errands: Errands
    prunes: tuple[Callable[[], Awaitable[None]], ...]


def sign_in_parts(
    postgres: AsyncEngine,
    policy: Policy,
    mailer: Mailer,
    provider: Provider | None,
    *,
    forget: Callable[[str], None],
    now: Callable[[], datetime],
    passwords: Passwords | None = None,
) -> SignIn:
    """All parts over one PostgreSQL; `forget` drops what is remembered of an account's sessions, by its id."""
    passwords, attempts, errands = passwords or Passwords(), Attempts(postgres, now), Errands()
    newcomers, sessions, states = Newcomers(policy.sign_up, now), Sessions(postgres, now), States(postgres, now)
    links = Links(postgres, mailer, Letters(policy.public_url), newcomers, now)
    return SignIn(
        ByPassword(postgres, passwords, attempts, newcomers, sessions, links, errands, policy.confirms),
        ByLink(postgres, attempts, newcomers, sessions, links, errands, policy.mail_proves, forget, now),
        ByOidc(postgres, newcomers, sessions, states, provider, forget, now),
        Staying(sessions, forget),
        Me(postgres, passwords, attempts, sessions, forget),
        newcomers,
        sessions,
        errands,
        (sessions.prune, links.prune, states.prune, attempts.prune),
    )
