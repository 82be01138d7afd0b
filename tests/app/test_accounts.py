import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from accounts_stand import PASSWORD, new_email, open_stand
from app.accounts import Accounts, build_accounts
from app.backends import Backends
from app.letting_in import let_in
from app.printed_mail import show_on_terminal
from core.errors import LinkInvalid, ProjectNotFound, SettingsInvalid
from core.settings import LogFormat, Settings
from pug.accounts.v1 import org_pb2
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.keys import new_key
from services.accounts.repository import AccountsRepository
from services.accounts.sign_in.mailers import PrintedMail, SmtpMail
from services.accounts.sign_in.parts import Policy
from services.accounts.sign_in.registered import Newcomer
from services.accounts.tables import api_keys, audit_entries, projects
from services.accounts.tokens import hashed
from services.rpc.call import Call, Credential, Scope
from services.rpc.standing import Role

NOWHERE = create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
NOTHING: Mapping[str, object] = {}
OIDC: Mapping[str, object] = {"oidc_client_id": "pug", "oidc_client_secret": "secret", "oidc_redirect_url": "https://pug.example/oidc"}


def built(settings: Mapping[str, object] = NOTHING, postgres: AsyncEngine = NOWHERE) -> Accounts:
    return build_accounts(Settings.model_validate(settings), postgres)


def test_without_a_mail_server_mail_is_printed_and_proves_nothing() -> None:
    parts = built().sign_in

    assert isinstance(parts.by_link.links.mailer, PrintedMail)
    assert (parts.by_password.confirms, parts.by_link.proves) == (False, False)
    assert parts.by_link.links.letters.public_url == "http://localhost:8080"


@pytest.mark.parametrize(("confirm_email", "confirms"), [(None, True), (True, True), (False, False)])
def test_with_a_mail_server_addresses_are_confirmed_unless_told_otherwise(confirm_email: bool | None, confirms: bool) -> None:  # noqa: FBT001
    parts = built({"smtp_url": "smtps://mail.example.com", "mail_from": "pug@example.com", "confirm_email": confirm_email}).sign_in

    assert isinstance(parts.by_link.links.mailer, SmtpMail)
    assert (parts.by_password.confirms, parts.by_link.proves) == (confirms, True)


def test_a_provider_is_reached_by_https_or_on_this_machine() -> None:
    assert built({"oidc_issuer": "https://login.example.com", **OIDC}).sign_in.by_oidc.provider
    assert built({"oidc_issuer": "http://127.0.0.1:9000", **OIDC}).sign_in.by_oidc.provider
    assert built().sign_in.by_oidc.provider is None
    with pytest.raises(SettingsInvalid) as refused:
        built({"oidc_issuer": "http://login.example.com", **OIDC})
    assert refused.value.field == "PUG_OIDC_ISSUER"


async def test_what_keys_were_used_is_written_and_what_was_begun_is_finished_when_pug_stops(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, email = built(postgres=backends.postgres), new_email()
    key = new_key("secret", "", (Scope.READ,))
    await accounts.repository.create_project("Stops", "Stops", "UTC", [key])
    printed: list[str] = []

    def show(to: str, _subject: str, _text: str) -> None:
        printed.append(to)

    monkeypatch.setattr(accounts.sign_in.by_link.links.mailer, "_show", show)
    stop = asyncio.Event()
    keeping_up = asyncio.create_task(accounts.keep_up(stop))

    credential = await accounts.credentials.find(key.token)
    assert isinstance(credential, Credential)
    accounts.key_uses.note(credential)
    anybody = Call(Credential("peer:10.9.9.9", None, frozenset({Scope.PUBLIC})), "request")
    await accounts.service.request_magic_link(pb.RequestMagicLinkRequest(email=email), anybody)
    stop.set()
    await keeping_up

    async with backends.postgres.connect() as connection:
        query = select(api_keys.c.last_used_at).where(api_keys.c.token_hash == hashed(key.token))
        assert (await connection.execute(query)).scalar_one()
    assert printed == [email]


async def test_a_session_and_a_key_open_what_they_are_for(backends: Backends) -> None:
    accounts = built(postgres=backends.postgres)
    anybody = Call(Credential("peer:10.9.9.8", None, frozenset({Scope.PUBLIC})), "request")

    made = await accounts.service.sign_up(pb.SignUpRequest(email=new_email(), password=PASSWORD), anybody)

    assert await accounts.credentials.find(made.session.access_token)
    assert await accounts.credentials.find(made.session.refresh_token) is None


def test_printed_mail_reaches_a_person_with_its_link_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show = show_on_terminal(LogFormat.PRETTY)
    assert show
    link = f"https://pug.example/{'long/' * 60}sign-in#token=ml_{'0' * 40}"

    show("ada@example.com", "Hello [ada]", f"Here:\n\n{link}\n")

    shown = capsys.readouterr().err
    assert f"\n{link}\n" in shown
    assert "ada@example.com" in shown
    assert "Hello [ada]" in shown


def test_a_machine_gets_mail_as_a_line_of_the_log() -> None:
    assert show_on_terminal(LogFormat.JSON) is None


@dataclass(frozen=True, slots=True)
class Owned:
    """A project whose org has nobody in it yet."""

    org: int
    project: int


@pytest_asyncio.fixture
async def owned(backends: Backends) -> Owned:
    project = await AccountsRepository(backends.postgres).create_project("Shop", "Shop", "UTC")
    async with backends.postgres.connect() as connection:
        return Owned((await connection.execute(select(projects.c.org_id).where(projects.c.id == project))).scalar_one(), project)


async def test_an_operator_lets_somebody_into_the_org_of_a_project_and_it_is_written_down(backends: Backends, owned: Owned) -> None:
    stand, email = open_stand(backends.postgres), new_email()
    links = stand.sign_in.by_link.links

    made = [
        await let_in(backends.postgres, links, Newcomer(email, "Ada"), owned.project, role)
        for role in (Role.VIEWER, Role.OWNER, Role.OWNER)
    ]

    session = await stand.complete(made[-1].token)
    assert [(org.id, org.role) for org in (await stand.me(session)).orgs] == [(str(owned.org), org_pb2.ROLE_OWNER)]
    assert session.account.name == "Ada"
    by = audit_entries.c.action == "pug accounts create"
    query = select(audit_entries.c.actor, audit_entries.c.changes["role"]).where(audit_entries.c.org_id == owned.org, by)
    async with backends.postgres.connect() as connection:
        assert [tuple(row) for row in (await connection.execute(query.order_by(audit_entries.c.id))).all()] == [
            ("operator", {"before": None, "after": "viewer"}),
            ("operator", {"before": "viewer", "after": "owner"}),
        ]


async def test_an_operator_lets_somebody_in_where_nobody_may_sign_up_and_a_second_time_only_makes_a_link(backends: Backends) -> None:
    closed = open_stand(backends.postgres, Policy("closed", confirms=True, mail_proves=True, public_url="https://pug.example"))
    email, links = new_email(), closed.sign_in.by_link.links

    first = await let_in(backends.postgres, links, Newcomer(email), None, Role.OWNER)
    second = await let_in(backends.postgres, links, Newcomer(email), None, Role.OWNER)

    assert (first.account_id, first.org_id, first.role) == (second.account_id, second.org_id, "owner")
    with pytest.raises(LinkInvalid):
        await closed.complete(first.token)
    assert (await closed.complete(second.token)).account.email == email


async def test_an_operator_cannot_let_anybody_into_a_project_that_is_not_there(backends: Backends) -> None:
    links = open_stand(backends.postgres).sign_in.by_link.links

    with pytest.raises(ProjectNotFound):
        await let_in(backends.postgres, links, Newcomer(new_email()), 2**40, Role.OWNER)


async def test_tokens_of_other_kinds_are_looked_up_where_they_are_told() -> None:
    shared = Credential("dashboard", None, frozenset({Scope.SHARE}))

    async def find_share(token: str) -> Credential | None:
        return shared if token == "sh_1" else None

    accounts = build_accounts(Settings(), NOWHERE, {"sh_": find_share})

    assert await accounts.credentials.find("sh_1") == shared
    assert await accounts.credentials.find("sh_2") is None
