"""Checks what somebody typed in who signs up or changes their account."""

import re
import unicodedata

from core.errors import EmailInvalid, PasswordInvalid
from services.accounts.names import label_of

PASSWORD_LENGTHS = (10, 128)
# The most characters that become one when a password is made normal.
_COMPOSED = 4
_EMAIL_LENGTH = 254
# Whether an address exists only a mail to it can tell. ASCII only, because letters that look alike would be several accounts, and mail to
# others needs servers that can do more.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


def email_address(text: str) -> str:
    """The address as accounts have it: in lower case."""
    # Before lowering: a Kelvin sign would become an ASCII k.
    address = text.strip().lower() if text.isascii() else ""
    if len(address) > _EMAIL_LENGTH or not _EMAIL.fullmatch(address):
        raise EmailInvalid(
            "That is no address for mail.", field="email", hint="Such as ada@example.com; write foreign letters of a domain as xn--…."
        )
    return address


def new_password(text: str) -> str:
    """A password somebody chose, as it is hashed."""
    password = normal_password(text)
    fewest, most = PASSWORD_LENGTHS
    if not fewest <= len(password) <= most:
        raise PasswordInvalid(
            f"A password has {fewest} to {most} characters.", field="password", hint="Choose another; a few words will do."
        )
    return password


def normal_password(text: str) -> str:
    """The same however a keyboard composes its letters; one that is too long in any case comes back as it is."""
    # Putting many marks of one letter in order takes time by the square of them.
    if len(text) > PASSWORD_LENGTHS[1] * _COMPOSED:
        return text
    return unicodedata.normalize("NFKC", text)


def name_of_account(text: str) -> str:
    """How somebody wants to be called; may be empty."""
    return label_of(text, field="name")
