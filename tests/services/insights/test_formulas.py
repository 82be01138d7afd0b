import ast
import contextlib
import math
import operator
from collections.abc import Callable, Mapping
from string import ascii_uppercase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import FormulaInvalid, InvalidArgument, TooLong
from services.insights.formulas import formula_of

FIELD = "insight.trends.formulas[0].expression"
LETTERS = dict(zip(ascii_uppercase, (float(place) for place in range(2, 28)), strict=True))


def value_of(expression: str) -> float:
    """Of a formula over 26 series whose values are 2, 3, 4 …"""
    (value,) = formula_of(expression, 26, FIELD).of([[value] for value in LETTERS.values()])
    return value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("A", 2),
        ("A / B * 100", 2 / 3 * 100),
        ("A + B * C", 14),
        ("(A + B) * C", 20),
        ("A - B - C", -5),
        ("24 / B / 2", 4),
        ("A×B÷C−1", 0.5),
        ("-A", -2),
        ("2 * -A", -4),
        ("--A+-(B)", -1),
        ("  1.5\n+\t.25 ", 1.75),
        ("Z", 27),
    ],
)
def test_formula_is_calculated_as_at_school(expression: str, value: float) -> None:
    assert value_of(expression) == pytest.approx(value)


@pytest.mark.parametrize("expression", ["A / 0", "A / (B - B)", "0 / 0", "1" + "0" * 200 + " * 1" + "0" * 200])
def test_division_by_zero_and_what_is_no_number_give_zero(expression: str) -> None:
    assert value_of(expression) == 0


def test_formula_is_calculated_point_by_point() -> None:
    assert formula_of("A / B", 2, FIELD).of([[1, 2, 3], [2, 0, 4]]) == [0.5, 0, 0.75]


WRONG: Mapping[str, tuple[str, int]] = {
    "nothing": ("", 1),
    "blanks": ("  ", 3),
    "an operator that leads nowhere": ("A +", 4),
    "two letters side by side": ("A B", 3),
    "a number before a letter": ("2A", 2),
    "a letter nobody asked for": ("A + D", 5),
    "a small letter": ("A / b", 5),
    "a power": ("A ** 2", 4),
    "an exponent": ("1e5", 2),
    "a parenthesis never closed": ("(A + B", 7),
    "a parenthesis never opened": ("A + B)", 6),
    "empty parentheses": ("A * ()", 6),
    "two points": ("1.2.3", 4),
    "a digit of another script": ("A * ٣", 5),
    "parentheses 51 deep": ("(" * 51 + "A" + ")" * 51, 52),
    "a number beyond all numbers": ("A + " + "9" * 400, 5),
}


@pytest.mark.parametrize("case", WRONG)
def test_formula_that_cannot_be_read_is_refused_where_it_goes_wrong(case: str) -> None:
    expression, position = WRONG[case]

    with pytest.raises(FormulaInvalid) as raised:
        formula_of(expression, 3, FIELD)

    assert raised.value.message.startswith(f"At character {position} of the formula, ")
    assert (raised.value.field, bool(raised.value.hint)) == (FIELD, True)


def test_formula_of_more_than_500_characters_is_refused() -> None:
    assert value_of("A" + "+A" * 249) == 500

    with pytest.raises(TooLong):
        formula_of("A" + "+ A" * 200, 1, FIELD)


@given(st.text(alphabet="ABZ019.+-*/() ×÷−x\n", max_size=60) | st.text(max_size=20))
@example("(" * 500)
@example("-" * 500)
def test_any_text_is_a_formula_or_refused(expression: str) -> None:
    with contextlib.suppress(InvalidArgument):
        assert math.isfinite(value_of(expression))


EXPRESSIONS = st.recursive(
    st.sampled_from(ascii_uppercase) | st.integers(0, 99).map(str) | st.sampled_from(["0.5", "12.25"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from([" + ", "-", "*", " / "]), inner).map("".join)
        | inner.map(lambda one: f"({one})")
        | inner.map(lambda one: f"-{one}")
    ),
    max_leaves=20,
)


@given(EXPRESSIONS)
def test_formula_means_what_it_means_in_python(expression: str) -> None:
    assert value_of(expression) == pytest.approx(by_python(ast.parse(expression, mode="eval").body), rel=1e-9)


def by_python(node: ast.expr) -> float:
    match node:
        case ast.BinOp(left, sign, right):
            return OPERATIONS[type(sign)](by_python(left), by_python(right))
        case ast.UnaryOp(ast.USub(), operand):
            return -by_python(operand)
        case ast.Name(letter):
            return LETTERS[letter]
        case ast.Constant(int() | float() as number):
            return float(number)
        case _:
            raise TypeError(ast.dump(node))


OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda one, other: one / other if other else 0.0,
}
