"""Counts who was not let in when they tried to sign in, or to stay signed in."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

from core.errors import PugError
from core.instruments import Counter, Instruments
from services.rpc.call import Call

Request = TypeVar("Request")
Response = TypeVar("Response")
Answer = Callable[[Request, Call], Awaitable[Response]]


class Refusals:
    """By reason, whichever RPC it was."""

    def __init__(self, instruments: Instruments) -> None:
        self._refused = Counter(
            instruments.meter,
            "pug.sign.in.refused",
            "Attempts to sign in, or to stay so, that were refused, by reason.",
            unit="{attempt}",
            label="reason",
            known=("SIGN_IN_FAILED", "TOO_MANY_ATTEMPTS", "SESSION_ENDED", "LINK_INVALID", "OIDC_FAILED"),
        )

    def counted(self, answer: Answer[Request, Response]) -> Answer[Request, Response]:
        """The same, with what it refuses counted."""

        @wraps(answer)
        async def count(request: Request, call: Call) -> Response:
            try:
                return await answer(request, call)
            except PugError as error:
                self._refused.add(1, error.reason)
                raise

        return count
