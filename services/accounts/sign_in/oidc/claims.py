"""Reads who signs in from the provider's ID token, or refuses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from core.errors import EmailInvalid, EmailUnverified, OidcFailed, TooLong
from services.accounts.sign_in.typed import email_address, name_of_account

# Signatures that the provider alone can make. Without this list a token could be signed with the public key as if it were a shared secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_CLOCK_SKEW_S = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str
    # In seconds since 1970.
    now: int


def claims_of(id_token: str, keys: KeySet, expected: Expected) -> Mapping[str, Any]:
    """What a token says that the provider has signed for us, for this sign-in and just now; raises joserfc's JoseError, or OidcFailed."""
    claims = jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims
    registry = jwt.JWTClaimsRegistry(
        now=expected.now,
        leeway=_CLOCK_SKEW_S,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": expected.nonce},
    )
    registry.validate(claims)
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) != 1  # pyright: ignore[reportUnknownArgumentType] (of anything)
    if claims.get("azp", None if several else expected.client_id) != expected.client_id:
        raise OidcFailed("The provider's token is for somebody else.", hint="Begin again.")
    return claims


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """The person in a token's claims; raises EmailUnverified unless the provider vouches for their address."""
    # Some providers write texts.
    verified = claims.get("email_verified")
    if verified is not True and verified != "true":
        raise EmailUnverified("The provider does not say that your address has been verified.", hint="Verify it there, and sign in again.")
    try:
        email = email_address(str(claims.get("email", "")))
    except EmailInvalid as error:
        raise OidcFailed("The provider gave no address an account can have.", hint="Its client needs the scope email.") from error
    try:
        return Identity(email, name_of_account(str(claims.get("name") or "")))
    except TooLong:
        return Identity(email, "")
