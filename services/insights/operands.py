"""What a filter compares with, read from its values: each reading fits one family of operators and says what is wrong otherwise."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.struct_pb2 import Value

from core.errors import FilterInvalid, TooMany

MAX_VALUES = 1_000
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Operands:
    """The values of one filter; `field` is their path in the request."""

    values: Sequence[Value]
    field: str

    def none(self) -> None:
        """No value at all."""
        if self.values:
            raise FilterInvalid("This operator takes no values.", field=self.field, hint="Leave `values` out.")

    def scalars(self) -> list[str | float | bool]:
        """One or more strings, numbers and booleans."""
        self._check_count()
        return [self._scalar(place) for place in range(len(self.values))]

    def strings(self) -> list[str]:
        """One or more strings."""
        found: list[str] = []
        for place, value in enumerate(self.scalars()):
            if not isinstance(value, str):
                raise FilterInvalid("This operator compares with strings.", field=f"{self.field}[{place}]", hint='Quote the value: "3".')
            found.append(value)
        return found

    def numbers(self, count: int) -> list[float]:
        """So many numbers; a string that is exactly a number is one."""
        return [self._number(place, value) for place, value in enumerate(self._exactly(count))]

    def time(self) -> datetime:
        """One RFC 3339 time; a date is its midnight, and without an offset it is in UTC."""
        (value,) = self._exactly(1)
        try:
            read = datetime.fromisoformat(value if isinstance(value, str) else "")
        except ValueError as error:
            raise FilterInvalid("This is no RFC 3339 time.", field=f"{self.field}[0]", hint="For example 2026-03-01T10:00:00Z.") from error
        try:
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except OverflowError as error:
            raise FilterInvalid("This time is out of range.", field=f"{self.field}[0]", hint="Use the years 1 to 9999.") from error

    def span(self, longest: timedelta) -> timedelta:
        """One span such as `30m`, `12h`, `7d` or `4w`."""
        (value,) = self._exactly(1)
        written = _SPAN.fullmatch(value) if isinstance(value, str) else None
        seconds = int(written[1]) * _UNIT_SECONDS[written[2]] if written else 0
        if not 0 < seconds <= longest.total_seconds():
            hint = f"Use a number and s, m, h, d or w, such as 7d; at most {longest.days}d."
            raise FilterInvalid("This is no span of time.", field=f"{self.field}[0]", hint=hint)
        return timedelta(seconds=seconds)

    def _exactly(self, count: int) -> list[str | float | bool]:
        if len(self.values) != count:
            words = {1: "exactly one value", 2: "exactly two values"}[count]
            raise FilterInvalid(f"This operator takes {words}, not {len(self.values)}.", field=self.field, hint=f"Give {words}.")
        return self.scalars()

    def _check_count(self) -> None:
        if not self.values:
            raise FilterInvalid("This operator needs a value.", field=self.field, hint="Give at least one.")
        if len(self.values) > MAX_VALUES:
            raise TooMany(
                f"A filter has at most {MAX_VALUES:,} values.", field=self.field, hint="Split it, or send the answer as a property."
            )

    def _scalar(self, place: int) -> str | float | bool:
        value = self.values[place]
        match value.WhichOneof("kind"):
            case "string_value":
                return value.string_value
            case "bool_value":
                return value.bool_value
            case "number_value" if math.isfinite(value.number_value):
                return value.number_value
            case _:
                raise FilterInvalid(
                    "A filter compares with strings, finite numbers and booleans.",
                    field=f"{self.field}[{place}]",
                    hint="For an absent property use OP_IS_NOT_SET.",
                )

    def _number(self, place: int, value: str | float | bool) -> float:  # noqa: FBT001 - one of a filter's values
        if isinstance(value, str) and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
            return float(value)
        if isinstance(value, bool | str):
            raise FilterInvalid(
                "This operator compares with numbers.", field=f"{self.field}[{place}]", hint="Give a number such as 3 or 1.5."
            )
        return value
