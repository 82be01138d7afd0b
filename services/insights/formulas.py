"""Formulas over the letters of series, such as `A / B * 100`.

    sum     = product { ("+" | "-") product }
    product = factor { ("*" | "/") factor }
    factor  = { "-" | "+" } ( number | letter | "(" sum ")" )

× ÷ and − are read as * / and -. x ÷ 0 is 0, and so is what is no finite number. A formula is kept as its steps in postfix order, which are
carried out without recursion, however long it is.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from core.errors import FormulaInvalid, TooLong

_MAX_LENGTH = 500
_MAX_DEPTH = 50
_PIECE = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?|\.[0-9]+)|([A-Z])|([-+*/()]))", re.ASCII)
_SPELLINGS = str.maketrans("×÷−", "*/-")
_WANTED = "a letter, a number or ("


def _quotient(one: float, other: float) -> float:
    return one / other if other else 0.0


_OPERATIONS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """What to do, in postfix order: push a number, push the series at a place (an int), or put an operator between the last two."""

    steps: tuple[float | int | str, ...]

    def of(self, series: Sequence[Sequence[float]]) -> list[float]:
        """The line calculated from those of all series, point by point."""
        return [self._at(point) for point in zip(*series, strict=True)]

    def _at(self, point: Sequence[float]) -> float:
        stack: list[float] = []
        for step in self.steps:
            if isinstance(step, str):
                other = stack.pop()
                stack.append(_finite(_OPERATIONS[step](stack.pop(), other)))
            else:
                stack.append(point[step] if isinstance(step, int) else step)
        return stack[0]


def formula_of(expression: str, series: int, field: str) -> Formula:
    """The formula an expression over so many series says; `field` is the expression's path in the request."""
    if len(expression) > _MAX_LENGTH:
        raise TooLong(f"A formula has at most {_MAX_LENGTH} characters.", field=field, hint="Ask for several formulas.")
    return _Reader(expression.translate(_SPELLINGS), series, field).read()


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


class _Reader:
    """Reads an expression from left to right, one piece ahead."""

    def __init__(self, expression: str, series: int, field: str) -> None:
        self._expression = expression
        self._series = series
        self._field = field
        self._steps: list[float | int | str] = []
        self._next = ""
        self._starts = self._ends = 0

    def read(self) -> Formula:
        self._advance()
        self._sum(0)
        if self._next:
            raise self._wrong(f"{self._next!r} is not expected", "Put an operator in between, or close every parenthesis once.")
        return Formula(tuple(self._steps))

    def _sum(self, depth: int) -> None:
        self._product(depth)
        while sign := self._taken("+-"):
            self._product(depth)
            self._steps.append(sign)

    def _product(self, depth: int) -> None:
        self._factor(depth)
        while sign := self._taken("*/"):
            self._factor(depth)
            self._steps.append(sign)

    def _factor(self, depth: int) -> None:
        negative = False
        while sign := self._taken("-+"):
            negative ^= sign == "-"
        if negative:
            # −x is 0 − x.
            self._steps.append(0.0)
        self._operand(depth)
        if negative:
            self._steps.append("-")

    def _operand(self, depth: int) -> None:
        if self._taken("("):
            if depth == _MAX_DEPTH:
                raise self._wrong(f"parentheses are nested more than {_MAX_DEPTH} deep", "Flatten the formula.")
            self._sum(depth + 1)
            if not self._taken(")"):
                raise self._wrong("a ) is missing", "Close every parenthesis once.")
        elif self._next and self._next in ascii_uppercase:
            self._steps.append(self._letter())
        elif self._next and self._next not in "-+*/()":
            self._steps.append(self._number())
        else:
            raise self._wrong(f"{_WANTED} is expected", "For example A / B * 100.")

    def _letter(self) -> int:
        place = ascii_uppercase.index(self._next)
        if place >= self._series:
            raise self._wrong(f"there is no series {self._next}", f"The series asked for are A to {ascii_uppercase[self._series - 1]}.")
        self._advance()
        return place

    def _number(self) -> float:
        number = float(self._next)
        if not math.isfinite(number):
            raise self._wrong("the number is too great", "Use a smaller one.")
        self._advance()
        return number

    def _taken(self, signs: str) -> str:
        """The next piece, if it is one of the signs; then it is behind."""
        sign = self._next
        if not sign or sign not in signs:
            return ""
        self._advance()
        return sign

    def _advance(self) -> None:
        rest = self._expression[self._ends :]
        self._starts = self._ends + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self._next = ""
            return
        found = _PIECE.match(self._expression, self._ends)
        if found is None:
            raise self._wrong(f"{self._expression[self._starts]!r} means nothing", f"Write {_WANTED}, and + - * / between them.")
        self._next, self._ends = found[0].strip(), found.end()

    def _wrong(self, why: str, hint: str) -> FormulaInvalid:
        return FormulaInvalid(f"At character {self._starts + 1} of the formula, {why}.", field=self._field, hint=hint)
