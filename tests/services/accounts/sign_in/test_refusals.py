import pytest

from core.errors import SignInFailed
from core.instruments import Instruments
from measured import Measured
from services.accounts.sign_in.refusals import Refusals
from services.rpc.call import Call, Credential, Scope

CALL = Call(Credential("peer:1", None, frozenset({Scope.PUBLIC})), "request")


async def let_in(request: str, _call: Call) -> str:
    """Whoever says please."""
    if request != "please":
        raise SignInFailed("No.")
    return "in"


async def test_refusals_are_counted_by_reason_and_answers_are_not() -> None:
    measured = Measured()
    knock = Refusals(measured.untraced).counted(let_in)

    answered = await knock("please", CALL)
    for _ in range(2):
        with pytest.raises(SignInFailed):
            await knock("now", CALL)

    assert answered == "in"
    assert measured.value("pug.sign.in.refused", reason="SIGN_IN_FAILED") == 2
    assert measured.value("pug.sign.in.refused", reason="TOO_MANY_ATTEMPTS") == 0


def test_what_is_counted_keeps_its_name() -> None:
    assert Refusals(Instruments.none()).counted(let_in).__doc__ == "Whoever says please."
