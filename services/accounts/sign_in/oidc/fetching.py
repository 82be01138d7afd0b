"""Asks the provider: with little patience, for few bytes, and only where its settings lead."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from core.errors import OidcUnavailable

_WITHIN_S = 15
_EACH_S = 5
_MOST_BYTES = 2**20
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said."""

    status: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fetching:
    """Requests to the provider. A redirect is no answer: nobody else is asked, least of all inside the operator's network."""

    issuer: str
    tls: ssl.SSLContext

    async def get(self, url: str) -> Answer:
        """What is at a URL; raises OidcUnavailable unless it is an object of JSON."""
        return await self._ask(httpx.Request("GET", url, headers=_JSON))

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer:
        """What a form is answered with, sent with user and password if there are any; raises OidcUnavailable as well."""
        request = httpx.Request("POST", url, headers=_JSON, data=dict(form))
        return await self._ask(next(httpx.BasicAuth(*basic).auth_flow(request)) if basic else request)

    async def _ask(self, request: httpx.Request) -> Answer:
        require_safe(str(request.url), self.issuer)
        # A proxy is for the world outside.
        outside = not is_loopback(str(request.url))
        try:
            async with asyncio.timeout(_WITHIN_S), httpx.AsyncClient(verify=self.tls, timeout=_EACH_S, trust_env=outside) as client:
                response = await client.send(request, stream=True, follow_redirects=False)
                body = await _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise OidcUnavailable(f"The OpenID Connect provider does not answer: {type(error).__name__}.", hint=_LATER) from error
        if response.is_redirect or response.status_code >= _SERVER_ERROR:
            raise OidcUnavailable(f"The OpenID Connect provider answered with {response.status_code}.", hint=_LATER)
        return Answer(response.status_code, _object(body))


def require_safe(url: str, issuer: str) -> None:
    """Refuses what isn't encrypted on its way: plain HTTP is for a provider on this machine."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and is_loopback(url) and is_loopback(issuer)
    if not parts.hostname or parts.username or not (parts.scheme == "https" or plain):
        raise OidcUnavailable("The OpenID Connect provider names an address that isn't https.", hint="Check PUG_OIDC_ISSUER.")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise OidcUnavailable("The OpenID Connect provider answered with too much.", hint="Check PUG_OIDC_ISSUER.")
    return bytes(body)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OidcUnavailable("The OpenID Connect provider did not answer with JSON.", hint="Check PUG_OIDC_ISSUER.") from error


# Not compressed: a few bytes could become very many.
_JSON = {"accept": "application/json", "accept-encoding": "identity"}
_LATER = "Try again in a moment, or sign in another way."
