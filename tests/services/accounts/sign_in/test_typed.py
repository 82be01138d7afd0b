import pytest

from core.errors import PasswordInvalid
from services.accounts.sign_in.typed import new_password, normal_password

# An alpha with three marks, which are one letter.
LETTER, IN_PARTS = "\u1f82", "\u03b1\u0313\u0300\u0345"


def test_a_password_of_the_longest_kind_is_taken_in_parts_too() -> None:
    assert new_password(IN_PARTS * 128) == LETTER * 128


def test_of_a_password_that_is_too_long_in_any_case_no_mark_is_put_in_order() -> None:
    marks = "a" + "\u0315\u0300" * 256

    assert normal_password(marks) == marks
    with pytest.raises(PasswordInvalid):
        new_password(marks)
