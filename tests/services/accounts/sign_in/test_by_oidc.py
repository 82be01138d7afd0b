import asyncio
import base64
import hmac
import ssl
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from joserfc import jwt

from accounts_stand import Stand, new_email, open_stand
from app.backends import Backends
from core.errors import EmailUnverified, OidcDisabled, OidcFailed, OidcUnavailable, SignInFailed, SignUpClosed, UnknownTimeZone
from oidc_provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URL, Json, OidcProvider, new_key, oidc_provider
from pug.accounts.v1 import session_pb2 as pb
from services.accounts.sign_in.oidc.fetching import Fetching, require_safe
from services.accounts.sign_in.oidc.provider import Client, Provider
from services.accounts.sign_in.parts import Policy

# Nothing here is encrypted, and reading the system's certificates takes long.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest_asyncio.fixture
async def provider() -> AsyncGenerator[OidcProvider]:
    async with oidc_provider() as provider:
        provider.person["email"] = new_email()
        yield provider


def stand_with(backends: Backends, provider: OidcProvider, policy: Policy | None = None) -> Stand:
    client = Client(provider.issuer, CLIENT_ID, CLIENT_SECRET, REDIRECT_URL)
    return open_stand(backends.postgres, policy, provider=Provider(client, Fetching(provider.issuer, PLAIN), lambda: datetime.now(UTC)))


@pytest.fixture
def stand(backends: Backends, provider: OidcProvider) -> Stand:
    """One that signs in with the provider."""
    return stand_with(backends, provider)


async def start(stand: Stand) -> pb.StartOidcResponse:
    return await stand.rpc("StartOidc", pb.StartOidcRequest())


async def complete(stand: Stand, code: str, state: str, time_zone: str = "") -> pb.Session:
    return (await stand.rpc("CompleteOidc", pb.CompleteOidcRequest(code=code, state=state, time_zone=time_zone))).session


async def signed_in(stand: Stand, provider: OidcProvider) -> pb.Session:
    return await complete(stand, *provider.visit((await start(stand)).authorization_url))


async def test_somebody_new_gets_an_account_and_comes_back_to_it(stand: Stand, provider: OidcProvider) -> None:
    first = await signed_in(stand, provider)
    again = await signed_in(stand, provider)

    assert first.account == again.account
    assert (first.account.email, first.account.name) == (provider.person["email"], "Ada")
    assert [org.name for org in (await stand.me(again)).orgs] == ["Ada's team"]
    # Metadata and keys are read once.
    assert [asked for asked in provider.asked if asked.startswith("GET")] == ["GET /.well-known/openid-configuration", "GET /keys"]


async def test_who_has_an_account_with_that_address_comes_into_it(stand: Stand, provider: OidcProvider) -> None:
    owner = await stand.complete(await stand.ask_for_link(provider.person["email"]))

    assert (await signed_in(stand, provider)).account.id == owner.account.id


async def test_a_password_set_by_who_never_showed_the_address_is_theirs_is_taken_away(stand: Stand, provider: OidcProvider) -> None:
    squatter = await stand.sign_up(provider.person["email"])

    assert (await signed_in(stand, provider)).account.id == squatter.account.id
    with pytest.raises(SignInFailed):
        await stand.signed_in(provider.person["email"])


async def test_the_state_is_what_the_browser_carries_and_every_sign_in_has_its_own(stand: Stand) -> None:
    first, second = await start(stand), await start(stand)

    queries = [parse_qs(urlsplit(answer.authorization_url).query) for answer in (first, second)]

    assert [query["state"] for query in queries] == [[first.state], [second.state]]
    for name in ("state", "nonce", "code_challenge"):
        assert queries[0][name] != queries[1][name]


async def test_a_state_is_good_for_one_return(stand: Stand, provider: OidcProvider) -> None:
    code, state = provider.visit((await start(stand)).authorization_url)
    other_code, _ = provider.visit((await start(stand)).authorization_url)

    outcomes = await asyncio.gather(complete(stand, code, state), complete(stand, other_code, state), return_exceptions=True)

    assert sum(isinstance(outcome, OidcFailed) for outcome in outcomes) >= 1
    with pytest.raises(OidcFailed):
        await complete(stand, code, state)


async def test_a_code_of_another_sign_in_is_refused(stand: Stand, provider: OidcProvider) -> None:
    code, _ = provider.visit((await start(stand)).authorization_url)
    mine = await start(stand)

    # By PKCE: the code was given for another verifier.
    with pytest.raises(OidcFailed):
        await complete(stand, code, mine.state)


@pytest.mark.parametrize("state", ["", "unknown", "\0"])
async def test_a_state_that_never_was_is_refused_before_the_provider_is_asked(stand: Stand, provider: OidcProvider, state: str) -> None:
    with pytest.raises(OidcFailed) as refused:
        await complete(stand, "code", state)

    assert refused.value.field == "state"
    assert provider.asked == []


async def test_a_sign_in_takes_ten_minutes_at_most(stand: Stand, provider: OidcProvider) -> None:
    code, state = provider.visit((await start(stand)).authorization_url)

    stand.ahead += timedelta(minutes=10)

    with pytest.raises(OidcFailed):
        await complete(stand, code, state)


async def test_a_bad_time_zone_does_not_use_the_state_up(stand: Stand, provider: OidcProvider) -> None:
    code, state = provider.visit((await start(stand)).authorization_url)

    with pytest.raises(UnknownTimeZone):
        await complete(stand, code, state, "Europe/Bielefeld")

    assert (await complete(stand, code, state, "Europe/Berlin")).access_token


def changed(**change: object) -> Json:
    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(iss="https://evil.example"),
        changed(aud="somebody else"),
        changed(aud=[CLIENT_ID, "somebody else"]),
        changed(azp="somebody else"),
        changed(nonce="another"),
        changed(nonce=None),
        changed(exp=int(time.time()) - 120),
        changed(exp=None),
        changed(iat=int(time.time()) + 600),
        changed(sub=None),
        changed(email="no address"),
        changed(email=None),
    ],
    # Without the moments, which would make another name of it in each process.
    ids=lambda change: ", ".join(f"{claim}: {'' if claim in {'exp', 'iat'} and value else value}" for claim, value in change.items()),
)
async def test_a_token_that_is_not_for_us_for_this_sign_in_and_now_is_refused(stand: Stand, provider: OidcProvider, change: Json) -> None:
    provider.claims = lambda claims: {name: value for name, value in (claims | change).items() if value is not None}

    with pytest.raises(OidcFailed):
        await signed_in(stand, provider)


@pytest.mark.parametrize("verified", [False, "false", None, 1, "yes"])
async def test_an_address_the_provider_does_not_vouch_for_opens_nothing(stand: Stand, provider: OidcProvider, verified: object) -> None:
    provider.person["email_verified"] = verified
    if verified is None:
        del provider.person["email_verified"]

    with pytest.raises(EmailUnverified):
        await signed_in(stand, provider)


async def test_several_audiences_are_fine_when_the_token_was_made_for_us(stand: Stand, provider: OidcProvider) -> None:
    provider.claims = lambda claims: claims | {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}

    assert (await signed_in(stand, provider)).access_token


async def test_a_token_signed_by_another_key_is_refused_and_one_by_a_new_key_of_the_provider_is_not(
    stand: Stand, provider: OidcProvider
) -> None:
    await signed_in(stand, provider)
    evil = new_key("first")
    provider.sign = lambda _provider, claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, evil)
    with pytest.raises(OidcFailed):
        await signed_in(stand, provider)
    provider.sign = None

    provider.key = new_key("second")

    assert (await signed_in(stand, provider)).access_token


async def test_the_public_key_is_no_shared_secret_and_no_signature_is_no_signature(stand: Stand, provider: OidcProvider) -> None:
    def with_public_key(provider: OidcProvider, claims: Json) -> str:
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').decode().rstrip("=")
        content = f"{header}.{provider.signed(claims).split('.')[1]}"
        digest = hmac.digest(provider.key.as_pem(private=False), content.encode(), "sha256")
        return f"{content}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def unsigned(provider: OidcProvider, claims: Json) -> str:
        payload = provider.signed(claims).split(".")[1]
        return f"eyJhbGciOiJub25lIn0.{payload}."

    def nonsense(_provider: OidcProvider, _claims: Json) -> str:
        return "nonsense"

    for sign in (with_public_key, unsigned, nonsense):
        provider.sign = sign
        with pytest.raises(OidcFailed):
            await signed_in(stand, provider)


async def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(stand: Stand, provider: OidcProvider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

    assert (await signed_in(stand, provider)).access_token


NO_HEADERS: dict[str, str] = {}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", ("302 Found", {"location": "/keys"}, b"{}")),
        ("/.well-known/openid-configuration", ("200 OK", NO_HEADERS, b'{"issuer": "https://evil.example"}')),
        ("/.well-known/openid-configuration", ("200 OK", NO_HEADERS, b"<html>")),
        ("/.well-known/openid-configuration", ("200 OK", NO_HEADERS, b"[" * 2_000_000)),
        ("/.well-known/openid-configuration", ("500 Oops", NO_HEADERS, b"{}")),
        ("/keys", ("302 Found", {"location": "/.well-known/openid-configuration"}, b"{}")),
        ("/keys", ("200 OK", NO_HEADERS, b'{"keys": [{"kty": "RSA"}]}')),
        ("/keys", ("200 OK", NO_HEADERS, b'{"keys": 1}')),
        ("/token", ("307 Temporary Redirect", {"location": "/token"}, b"{}")),
        ("/token", ("503 Busy", NO_HEADERS, b"{}")),
    ],
)
async def test_a_provider_that_answers_as_none_would_is_unavailable(
    stand: Stand, provider: OidcProvider, path: str, answer: tuple[str, dict[str, str], bytes]
) -> None:
    provider.instead[path] = answer

    with pytest.raises(OidcUnavailable):
        await signed_in(stand, provider)


@pytest.mark.parametrize("endpoint", ["http://internal.example/", "ftp://127.0.0.1/", "https://user@host/", "file:///etc/passwd", 1, None])
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
async def test_no_endpoint_leads_where_nothing_is_encrypted(stand: Stand, provider: OidcProvider, name: str, endpoint: object) -> None:
    provider.metadata[name] = endpoint

    with pytest.raises(OidcUnavailable):
        await start(stand)


def test_a_provider_elsewhere_cannot_lead_to_this_machine_in_plain_text() -> None:
    with pytest.raises(OidcUnavailable):
        require_safe("http://127.0.0.1:8123/", "https://login.example.com")
    require_safe("https://keys.example.com/", "https://login.example.com")


async def test_a_provider_that_is_away_is_unavailable(backends: Backends) -> None:
    async with oidc_provider() as provider:
        stand = stand_with(backends, provider)

    with pytest.raises(OidcUnavailable):
        await start(stand)


async def test_somebody_new_needs_to_be_let_in_here_as_well(backends: Backends, provider: OidcProvider) -> None:
    # So that theirs isn't the first.
    await stand_with(backends, provider).sign_up(new_email())
    stand = stand_with(backends, provider, Policy("closed", confirms=True, mail_proves=True, public_url=""))

    with pytest.raises(SignUpClosed):
        await signed_in(stand, provider)


async def test_a_server_without_provider_says_so(backends: Backends) -> None:
    stand = open_stand(backends.postgres)

    for call in (start(stand), complete(stand, "code", "state")):
        with pytest.raises(OidcDisabled):
            await call
