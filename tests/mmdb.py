"""Writes the smallest databases in MaxMind's format: every address leads to one record.

The format is public: a binary search tree, 16 zero bytes, the records, a marker, the metadata.
"""

import struct
from pathlib import Path
from typing import cast

_MARKER = b"\xab\xcd\xefMaxMind.com"
_STRING, _DOUBLE, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY = 2, 3, 5, 6, 7, 9, 11
# Readers insist on these; all other numbers are 64 bits.
_SIZES = {"node_count": (_UINT32, 4)} | dict.fromkeys(
    ("record_size", "ip_version", "binary_format_major_version", "binary_format_minor_version"), (_UINT16, 2)
)
_FIRST_EXTENDED = 8


def write_mmdb(path: Path, record: object, *, ip_version: int = 6) -> Path:
    """A file in which `record` is what is known of every address."""
    # One node, both of whose children are the first record: the tree's size, and 16.
    node = (1 + 16).to_bytes(3) * 2
    metadata = {
        "node_count": 1,
        "record_size": 24,
        "ip_version": ip_version,
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000,
        "description": {"en": "Test"},
    }
    path.write_bytes(node + bytes(16) + _encoded(record) + _MARKER + _encoded(metadata))
    return path


def _encoded(value: object, number: tuple[int, int] = (_UINT64, 8)) -> bytes:
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            return _head(_MAP, len(fields)) + b"".join(
                _encoded(key) + _encoded(each, _SIZES.get(key, (_UINT64, 8))) for key, each in fields.items()
            )
        case list():
            items = cast("list[object]", value)
            return _head(_ARRAY, len(items)) + b"".join(map(_encoded, items))
        case str():
            text = value.encode()
            return _head(_STRING, len(text)) + text
        case float():
            return _head(_DOUBLE, 8) + struct.pack(">d", value)
        case int():
            kind, size = number
            return _head(kind, size) + value.to_bytes(size)
        case _:
            raise TypeError(type(value))


def _head(kind: int, size: int) -> bytes:
    """Kinds from 8 on are written as 0 and a second byte; sizes stay below 285."""
    small, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind < _FIRST_EXTENDED:
        return bytes([kind << 5 | small]) + rest
    return bytes([small, kind - 7]) + rest
