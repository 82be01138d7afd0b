import base64
import json

import pytest

from core.errors import InvalidArgument
from services.rpc.pages import place_of, token_of


def as_it_is(parts: list[object]) -> list[object]:
    return parts


def test_a_token_gives_back_its_place() -> None:
    assert place_of(token_of(-5, "a", None), as_it_is) == [-5, "a", None]


def test_without_a_token_there_is_no_place() -> None:
    assert place_of("", as_it_is) is None


# To Python true is the number one.
MADE_UP = [[True], [True, True], [1, False], {"a": 1}, 5, "a", None, True]


@pytest.mark.parametrize("parts", MADE_UP, ids=range(len(MADE_UP)))
def test_what_no_token_holds_is_refused(parts: object) -> None:
    token = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    with pytest.raises(InvalidArgument, match="no page token"):
        place_of(token, as_it_is)
