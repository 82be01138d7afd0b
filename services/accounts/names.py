"""Checks what people call their orgs, projects and keys."""

import unicodedata

from core.errors import InvalidArgument, MissingField, TooLong

_LENGTH = 150
# Controls, halves of characters, and breaks of lines and paragraphs, which no mail's subject may have.
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})


def name_of(text: str, *, what: str, field: str = "name") -> str:
    """A name of 1 to 150 characters, without spaces around it."""
    name = label_of(text, field=field)
    if not name:
        raise MissingField(f"{what} needs a name.", field=field, hint=f"Give 1 to {_LENGTH} characters.")
    return name


def label_of(text: str, *, field: str) -> str:
    """A name that may be empty."""
    name = text.strip()
    if len(name) > _LENGTH:
        raise TooLong(f"That has {len(name):,} characters; at most {_LENGTH} are allowed.", field=field, hint="Shorten it.")
    if any(unicodedata.category(character) in _BREAKING for character in name):
        raise InvalidArgument("That has control characters or line breaks in it.", field=field, hint="Use one line of plain text.")
    return name
