"""A certificate is exactly what was signed, or it is nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.certificates import from_pem, public_key_of, sign, to_pem, verify
from core.errors import CertificateInvalid

SECRET, ANOTHER = bytes(range(32)), bytes(32)
CERTIFICATE = {"erasure": "e1", "project": 7, "stores": [{"name": "clickhouse.events", "before": 12, "after": 0}]}
DOCUMENT = sign(CERTIFICATE, SECRET).encode()


def test_what_was_signed_is_read_again_with_the_key_that_signed_it() -> None:
    certificate, key = verify(DOCUMENT, public_key_of(SECRET))

    assert certificate == CERTIFICATE
    assert to_pem(key) == to_pem(from_pem(to_pem(public_key_of(SECRET)).encode()))


@given(place=st.integers(0, len(DOCUMENT) - 1), bits=st.integers(1, 255))
def test_no_byte_can_be_another(place: int, bits: int) -> None:
    tampered = bytearray(DOCUMENT)
    tampered[place] ^= bits

    with pytest.raises(CertificateInvalid):
        verify(bytes(tampered))


@given(place=st.integers(0, len(DOCUMENT)), added=st.binary(min_size=1, max_size=4))
def test_nothing_can_be_added(place: int, added: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        verify(DOCUMENT[:place] + added + DOCUMENT[place:])


@given(start=st.integers(0, len(DOCUMENT) - 1), length=st.integers(1, len(DOCUMENT)))
def test_nothing_can_be_left_out(start: int, length: int) -> None:
    with pytest.raises(CertificateInvalid):
        verify(DOCUMENT[:start] + DOCUMENT[start + length :])


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b"null\n",
        b"[" * 100_000,
        b'{"certificate": 1, "signature": 2}',
        DOCUMENT * 2,
        json.dumps(json.loads(DOCUMENT)).encode(),
    ],
)
def test_what_is_no_certificate_is_refused(document: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        verify(document)


def test_a_certificate_that_somebody_else_signed_is_good_by_itself_and_refused_where_the_key_is_known() -> None:
    forged = sign(CERTIFICATE, ANOTHER).encode()

    verify(forged)

    with pytest.raises(CertificateInvalid, match="not by"):
        verify(forged, public_key_of(SECRET))


def test_a_signature_cannot_be_put_under_another_certificate_or_another_key_under_a_signature() -> None:
    mine, other = json.loads(DOCUMENT), json.loads(sign({**CERTIFICATE, "project": 8}, ANOTHER))
    swapped = {"certificate": other["certificate"], "signature": mine["signature"]}
    renamed = {"certificate": mine["certificate"], "signature": {**mine["signature"], "public_key": other["signature"]["public_key"]}}

    for document in (swapped, renamed):
        with pytest.raises(CertificateInvalid):
            verify((json.dumps(document, indent=2, sort_keys=True) + "\n").encode())


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        from_pem(pem)
