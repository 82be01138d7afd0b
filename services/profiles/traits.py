"""What becomes of traits: pure, of plain JSON objects.

One value may be what a property may be (services/capture/rules.py).

A person's own traits are those set on them; null stands for one that was unset, so that it also hides what a tie brings.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from core.errors import TraitInvalid
from services.capture.rules import MAX_DEPTH, MAX_KEY, MAX_PROPERTIES, MAX_PROPERTIES_BYTES, MAX_TEXT, natural
from services.rpc.unwritable import first_unwritable

Json = Mapping[str, object]
# A list of persons shows the traits of up to a thousand.
_MAX_VALUES = 2_000


@dataclass(frozen=True, slots=True)
class TraitChange:
    """What a call changes."""

    set: Json = field(default_factory=dict[str, object])
    set_once: Json = field(default_factory=dict[str, object])
    unset: tuple[str, ...] = ()
    increment: Mapping[str, float] = field(default_factory=dict[str, float])

    def __bool__(self) -> bool:
        return bool(self.set or self.set_once or self.unset or self.increment)


@dataclass(frozen=True, slots=True)
class Traits:
    """Those of one person: their own, and all with what ties bring."""

    own: Json
    all: Json

    def changed(self, change: TraitChange) -> "Traits":
        """After a change: set, then set_once, then increment, then unset."""
        if not change:
            return self
        new: dict[str, object] = {**change.set}
        for key, value in change.set_once.items():
            if value is not None and key not in self.all and key not in new:
                new[key] = value
        for key, by in change.increment.items():
            new[key] = _sum(key, new.get(key, self.all.get(key)), by)
        new |= dict.fromkeys(change.unset)
        own, everything = {**self.own, **new}, {**self.all, **new}
        if values_in(own) > _MAX_VALUES:
            raise TraitInvalid(
                f"All traits of a person hold at most {_MAX_VALUES:,} values, those inside lists and objects included.",
                field="set",
                hint="Keep fewer of them.",
            )
        if len(json.dumps(own)) > MAX_PROPERTIES_BYTES:
            raise TraitInvalid(
                f"All traits of a person have at most {MAX_PROPERTIES_BYTES:,} bytes as JSON.", field="set", hint="Keep fewer of them."
            )
        return Traits(own, {key: value for key, value in everything.items() if value is not None})

    def filled(self, others: Json) -> "Traits":
        """With what is missing taken from those of a person tied to this one."""
        missing = {key: value for key, value in others.items() if key not in self.all and key not in self.own}
        return Traits(self.own, {**self.all, **missing})


def values_in(value: object) -> int:
    """How many values there are in a value, itself included."""
    match value:
        case Mapping():
            return 1 + sum(map(values_in, cast("Mapping[str, object]", value).values()))
        case list():
            return 1 + sum(map(values_in, cast("list[object]", value)))
        case _:
            return 1


def stored(text: str) -> Json:
    """Traits as PostgreSQL writes them down: all digits of a large number, which is a double everywhere else."""
    return cast("Json", json.loads(text, parse_int=lambda digits: natural(float(digits))))


def alone(own: Json) -> Traits:
    """Without what ties bring."""
    return Traits(own, {key: value for key, value in own.items() if value is not None})


def _sum(key: str, value: object, by: float) -> object:
    if value is None:
        value = 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TraitInvalid(f"The trait {key!r} is not a number.", field="increment", hint="Set it to a number first.")
    return natural(finite(key, float(value + by)))


def traits_of(struct: Struct, name: str) -> Json:
    """The traits a message brings; `name` is the field."""
    try:
        read = cast("dict[str, object]", MessageToDict(struct))
    except ValueError as error:
        raise TraitInvalid(
            "A trait is no NaN, and not infinite.", field=first_unwritable(struct, name), hint="Send a finite number."
        ) from error
    if len(read) > MAX_PROPERTIES:
        raise TraitInvalid(f"At most {MAX_PROPERTIES} traits are set at once.", field=name, hint="Set some of them in another call.")
    return {trait_key(key, name): _checked(value, f"{name}.{key}", 1) for key, value in read.items()}


def trait_key(key: str, name: str) -> str:
    """A trait's key, if it can be one."""
    if not 1 <= len(key) <= MAX_KEY or "\0" in key:
        raise TraitInvalid(f"A trait's key has 1 to {MAX_KEY} characters, none of them NUL.", field=name, hint="Rename the trait.")
    return key


def finite(key: str, by: float) -> float:
    """What is added to a trait, or comes of it, if it can be."""
    if not math.isfinite(by):
        raise TraitInvalid(
            "What is added to a trait, and the sum, has to be a finite number.", field=f"increment.{key}", hint="Send a smaller number."
        )
    return by


def _checked(value: object, name: str, depth: int) -> object:
    match value:
        case str() if len(value) > MAX_TEXT or "\0" in value:
            raise TraitInvalid(f"A text has at most {MAX_TEXT:,} characters, none of them NUL.", field=name, hint="Shorten it.")
        case dict() | list() if depth >= MAX_DEPTH:
            raise TraitInvalid(f"Traits are nested at most {MAX_DEPTH} deep.", field=name, hint="Flatten it.")
        case dict():
            members = cast("dict[str, object]", value)
            return {trait_key(key, name): _checked(inner, f"{name}.{key}", depth + 1) for key, inner in members.items()}
        case list():
            return [_checked(inner, name, depth + 1) for inner in cast("list[object]", value)]
        case float():
            return natural(value)
        case _:
            return value
