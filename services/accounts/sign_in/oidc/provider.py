"""Speaks with one OpenID Connect provider: authorization code with PKCE and nonce, and an ID token that is verified whole."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core.errors import OidcFailed, OidcUnavailable
from services.accounts.sign_in.oidc.claims import Expected, Identity, claims_of, identity_of
from services.accounts.sign_in.oidc.fetching import Fetching, require_safe
from services.accounts.sign_in.oidc.states import Begun

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# A provider changes its keys now and then; a key that isn't known is asked for at once.
_FRESH = timedelta(hours=1)
_OK = 200


@dataclass(frozen=True, slots=True)
class Client:
    """What the operator registered with the provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_url: str


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    # Whether the client's secret goes into a header; otherwise into the form.
    basic: bool
    read_at: datetime


class Provider:
    """Asked for its metadata when first needed, and again every hour."""

    def __init__(self, client: Client, fetching: Fetching, now: Callable[[], datetime]) -> None:
        self._client = client
        self._fetching = fetching
        self._now = now
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None

    async def authorization_url(self, state: str, begun: Begun) -> str:
        """Where the browser goes, to come back with the state and a code; raises OidcUnavailable like all that follow."""
        metadata = await self._discovered()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.code_verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_url,
            "scope": "openid email profile",
            "state": state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{metadata.authorization_endpoint}{'&' if '?' in metadata.authorization_endpoint else '?'}{urlencode(query)}"

    async def identity(self, code: str, begun: Begun) -> Identity:
        """Who came back with a code; raises OidcFailed, or EmailUnverified."""
        metadata = await self._discovered()
        id_token = await self._exchanged(metadata, code, begun)
        expected = Expected(self._client.issuer, self._client.client_id, begun.nonce, int(self._now().timestamp()))
        try:
            return identity_of(await self._verified(metadata, id_token, expected))
        except (JoseError, ValueError) as error:
            log.warning("id_token_refused", error=str(error))
            raise OidcFailed("The provider's token cannot be trusted.", hint="Begin again.") from error

    async def _verified(self, metadata: _Metadata, id_token: str, expected: Expected) -> Mapping[str, Any]:
        if self._keys is not None:
            try:
                return claims_of(id_token, self._keys, expected)
            except (JoseError, ValueError):
                # Perhaps the provider has new keys.
                self._keys = None
        self._keys = await self._read_keys(metadata)
        return claims_of(id_token, self._keys, expected)

    async def _read_keys(self, metadata: _Metadata) -> KeySet:
        answer = await self._fetching.get(metadata.jwks_uri)
        try:
            return KeySet.import_key_set({"keys": answer.content["keys"]})
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise OidcUnavailable("The OpenID Connect provider shows no keys that can be read.", hint="Tell its operator.") from error

    async def _exchanged(self, metadata: _Metadata, code: str, begun: Begun) -> str:
        client = self._client
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_url, "code_verifier": begun.code_verifier}
        # By RFC 6749 both are encoded before they become user and password.
        basic = (quote(client.client_id, safe=""), quote(client.client_secret, safe="")) if metadata.basic else None
        if basic is None:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        answer = await self._fetching.post(metadata.token_endpoint, form, basic)
        id_token = answer.content.get("id_token")
        if answer.status != _OK or not isinstance(id_token, str):
            log.warning("oidc_code_refused", status=answer.status, error=str(answer.content.get("error", ""))[:100])
            raise OidcFailed("The provider does not know this code, or no longer.", field="code", hint="Begin again.")
        return id_token

    async def _discovered(self) -> _Metadata:
        if self._metadata is None or self._now() - self._metadata.read_at > _FRESH:
            self._metadata = await self._discover()
            self._keys = None
        return self._metadata

    async def _discover(self) -> _Metadata:
        issuer = self._client.issuer
        answer = await self._fetching.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        content = answer.content
        if answer.status != _OK or content.get("issuer") != issuer:
            raise OidcUnavailable(
                "The OpenID Connect provider calls itself something else than PUG_OIDC_ISSUER.", hint="Set it to just that."
            )
        endpoints = [content.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        for endpoint in endpoints:
            require_safe(endpoint if isinstance(endpoint, str) else "", issuer)
        methods = content.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Metadata(str(endpoints[0]), str(endpoints[1]), str(endpoints[2]), "client_secret_basic" in methods, self._now())
