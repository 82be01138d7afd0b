"""Documents that anybody can check without asking Pug: JSON with an Ed25519 signature.

A document is exactly the bytes it was written as. JSON can say the same in many ways and base64 in several, so whatever doesn't come out
byte for byte when it is written again is refused.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.errors import CertificateInvalid

SIGNING_KEY = "erasure_signing_key"
_ALGORITHM = "Ed25519"
_PARTS = {"certificate", "signature"}
_SIGNATURE_PARTS = {"algorithm", "key_name", "public_key", "value"}


def sign(certificate: Mapping[str, object], secret: bytes) -> str:
    """The document that says what the certificate does, signed by the key made of 32 secret bytes. Numbers have to be whole."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public = key.public_key()
    signature = {
        "algorithm": _ALGORITHM,
        "key_name": name_of(public),
        "public_key": _written(_raw(public)),
        "value": _written(key.sign(_signed_bytes(certificate))),
    }
    return _document({"certificate": certificate, "signature": signature})


def verify(document: bytes, expected: Ed25519PublicKey | None = None) -> tuple[Mapping[str, object], Ed25519PublicKey]:
    """What a document says, and the key that signed it; raises CertificateInvalid unless every byte is as it was signed.

    Without an `expected` key it is only known that whoever has the key in the document signed it.
    """
    certificate, signature = _parts(document)
    public = Ed25519PublicKey.from_public_bytes(_read(signature["public_key"], 32))
    if signature["algorithm"] != _ALGORITHM or signature["key_name"] != name_of(public):
        raise _invalid("The signature doesn't say which key it is by.")
    if expected is not None and _raw(expected) != _raw(public):
        raise _invalid(f"It was signed by the key {name_of(public)}, not by {name_of(expected)}.")
    try:
        public.verify(_read(signature["value"], 64), _signed_bytes(certificate))
    except InvalidSignature as error:
        raise _invalid("The signature is of something else.") from error
    return certificate, public


def public_key_of(secret: bytes) -> Ed25519PublicKey:
    """The key that checks what `sign` makes with the secret."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key()


def to_pem(public: Ed25519PublicKey) -> str:
    """A public key as PEM."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def from_pem(pem: bytes) -> Ed25519PublicKey:
    """The public key in a PEM file."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise CertificateInvalid("That is no public key.", hint="`pug erasure public-key` prints the one.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CertificateInvalid("That is a public key of another kind.", hint="`pug erasure public-key` prints the one.")
    return key


def name_of(public: Ed25519PublicKey) -> str:
    """16 hexadecimal digits by which a key is called."""
    return hashlib.sha256(_raw(public)).hexdigest()[:16]


def _parts(document: bytes) -> tuple[Mapping[str, object], Mapping[str, str]]:
    try:
        read: object = json.loads(document)
        if not isinstance(read, dict) or _document(cast("Mapping[str, object]", read)).encode() != document:
            raise _invalid("It is not written as it was.")
    except (ValueError, RecursionError) as error:
        raise _invalid("It is no JSON document in UTF-8.") from error
    parts = cast("Mapping[str, Mapping[str, object]]", read)
    if set(parts) != _PARTS or not all(isinstance(part, dict) for part in parts.values()):
        raise _invalid("It is no certificate.")
    signature = parts["signature"]
    if set(signature) != _SIGNATURE_PARTS or not all(isinstance(part, str) for part in signature.values()):
        raise _invalid("It has no signature.")
    return parts["certificate"], cast("Mapping[str, str]", signature)


def _document(parts: Mapping[str, object]) -> str:
    return json.dumps(parts, indent=2, sort_keys=True) + "\n"


def _signed_bytes(certificate: Mapping[str, object]) -> bytes:
    return json.dumps(certificate, sort_keys=True, separators=(",", ":")).encode()


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _written(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _read(text: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("The signature is no base64.") from error
    if len(raw) != length or _written(raw) != text:
        raise _invalid("The signature has another length, or is written in another way.")
    return raw


def _invalid(why: str) -> CertificateInvalid:
    return CertificateInvalid(f"The certificate is not good: {why}", hint="Ask whoever made it for it again.")
