"""Lists as ClickHouse can keep them with few files.

A list of strings, of numbers or of booleans is one column. Lists of objects, of lists or of different things would become dozens of columns
each, every one with files of its own: a few batches of them ran a server out of file handles. Nothing can be asked of their parts (a path
reaches into objects, not into lists), so they are kept as lists of texts: an object or a list as its JSON.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from services.capture.rules import natural

# With sorted keys, so that the same object is the same text whichever way it came.
_encode = msgspec.json.Encoder(order="sorted").encode
_INT64 = 2**63


def with_plain_lists(properties: Mapping[str, object]) -> dict[str, object]:
    """The properties with every list, at any depth of objects, made plain."""
    return {key: _plain(value) for key, value in properties.items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return with_plain_lists(cast("dict[str, object]", value))
    if isinstance(value, list):
        return _plain_list(cast("list[object]", value))
    return value


def _plain_list(items: Sequence[object]) -> list[object]:
    kinds = {type(item) for item in items} - {type(None)}
    if len(kinds) <= 1 and kinds <= {str, bool, int, float} and not _too_long(items, kinds):
        return list(items)
    if kinds <= {int, float}:
        return [None if item is None else float(cast("float", item)) for item in items]
    return [item if item is None or isinstance(item, str) else _encode(_with_whole_numbers(item)).decode() for item in items]


def _with_whole_numbers(value: object) -> object:
    """The same, however its numbers came."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(inner) for key, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_with_whole_numbers(inner) for inner in cast("list[object]", value)]
    return natural(value) if isinstance(value, float) else value


def _too_long(items: Sequence[object], kinds: set[type]) -> bool:
    return kinds == {int} and not all(-_INT64 <= cast("int", item) < _INT64 for item in items if item is not None)
