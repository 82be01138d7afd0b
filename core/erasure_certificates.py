"""What a certificate says that somebody was erased: `core.certificates` knows only that it is the bytes that were signed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from core.errors import CertificateInvalid

KIND = "erasure of a data subject"


class StoreCounts(msgspec.Struct, frozen=True):
    """How many rows a store had of them."""

    name: str
    before: int
    after: int


class ErasureCertificate(msgspec.Struct, frozen=True):
    """What is said of an erasure; workers/erasure/certificate.py says it. That of a newer Pug may say more."""

    kind: Literal["erasure of a data subject"]
    pug: str
    erasure: str
    project: int
    requested_at: datetime
    finished_at: datetime
    refused_ids: int
    settled_through: int
    stores: Sequence[StoreCounts]


def erasure_of(certificate: Mapping[str, object]) -> ErasureCertificate:
    """What a certificate says; raises CertificateInvalid for one of something else, which anybody can sign with a key of their own."""
    try:
        return msgspec.convert(certificate, ErasureCertificate)
    except msgspec.ValidationError as error:
        # The reason quotes what stands there.
        raise CertificateInvalid("It is no certificate of an erasure.", hint="What was signed is something else.") from error
