"""A real little OpenID Connect provider for tests: discovery, codes with PKCE, signed ID tokens, keys that change."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET, REDIRECT_URL = "pug:test", "s3cret/+", "https://pug.example/sign-in/oidc"
Json = dict[str, Any]


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)


@dataclass
class OidcProvider:
    """Signs in whoever `person` says; what it does otherwise a test may change."""

    person: Json = field(default_factory=lambda: {"email": "ada@example.com", "email_verified": True, "name": "Ada"})
    # Changes the claims before they are signed.
    claims: Callable[[Json], Json] = lambda claims: claims
    metadata: Json = field(default_factory=dict[str, Any])
    sign: "Callable[[OidcProvider, Json], str] | None" = None
    key: RSAKey = field(default_factory=lambda: new_key("first"))
    # What a path answers instead: a status, headers and a body.
    instead: dict[str, tuple[str, Mapping[str, str], bytes]] = field(default_factory=dict[str, tuple[str, Mapping[str, str], bytes]])
    asked: list[str] = field(default_factory=list[str])
    issuer: str = ""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def visit(self, authorization_url: str) -> tuple[str, str]:
        """What the browser brings back from the provider's page: a code, and the state."""
        parts = urlsplit(authorization_url)
        query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert authorization_url.startswith(f"{self.issuer}/authorize?")
        assert (query["response_type"], query["client_id"], query["redirect_uri"]) == ("code", CLIENT_ID, REDIRECT_URL)
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) >= {"openid", "email"}
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return code, query["state"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        self.asked.append(f"{method} {path}")
        status, more, content = self.instead.get(path) or self._answer(path, headers, body)
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(content)}", "connection: close", *(f"{n}: {v}" for n, v in more.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        writer.close()

    def _answer(self, path: str, headers: Mapping[str, str], body: str) -> tuple[str, Mapping[str, str], bytes]:
        match path:
            case "/.well-known/openid-configuration":
                answer: Json = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                } | self.metadata
            case "/keys":
                answer = {"keys": [self.key.as_dict(private=False)]}
            case "/token":
                answer = self._token(headers, {name: values[0] for name, values in parse_qs(body).items()})
            case _:
                return "404 Not Found", {}, b"{}"
        return ("400 Bad Request" if "error" in answer else "200 OK"), {"content-type": "application/json"}, json.dumps(answer).encode()

    def _token(self, headers: Mapping[str, str], form: dict[str, str]) -> Json:
        user, _, password = base64.b64decode(headers.get("authorization", "Basic ").partition(" ")[2]).decode().partition(":")
        client = (unquote(user), unquote(password)) if user else (form.get("client_id"), form.get("client_secret"))
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if (
            client != (CLIENT_ID, CLIENT_SECRET)
            or not asked
            or asked["code_challenge"] != challenge
            or form["redirect_uri"] != REDIRECT_URL
        ):
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "1", "iat": now, "exp": now + 60, "nonce": asked["nonce"]} | self.person
        claims = self.claims(claims)
        return {"token_type": "Bearer", "access_token": "unused", "id_token": self.sign(self, claims) if self.sign else self.signed(claims)}

    def signed(self, claims: Json) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@asynccontextmanager
async def oidc_provider() -> AsyncGenerator[OidcProvider]:
    """A provider on a free port of this machine."""
    provider = OidcProvider()
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0) as server:
        provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider
