"""Decides how often it may be tried to sign in."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from core.allowance import Allowances, Rate
from core.errors import TooManyAttempts

# From one place: a guesser's many addresses, or an office's many people.
_OF_A_PEER = Rate(30, timedelta(seconds=2))
# At one account, wherever from.
_OF_AN_ACCOUNT = Rate(10, timedelta(seconds=30))
# Nobody's mailbox is to be filled by strangers.
_MAILS = Rate(5, timedelta(minutes=2))
_KNOWN_HELD = 100_000


class Attempts:
    """Counts in this process, by address and by peer.

    Strangers who guess at somebody's password use up the attempts at that account, but not its owner's: from where somebody has signed in
    before, they are counted apart. A link by mail is another way in.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._peers = Allowances(_OF_A_PEER, now)
        self._accounts = Allowances(_OF_AN_ACCOUNT, now)
        self._mails = Allowances(_MAILS, now)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def guess(self, email: str, peer: str) -> None:
        """A password is about to be tried; raises TooManyAttempts like all that follow."""
        _require(self._peers.take(peer))
        _require(self._accounts.take(self._whose(email, peer)))

    def succeeded(self, email: str, peer: str) -> None:
        """It was the right one: that doesn't count, and whoever comes from there is known."""
        self._peers.give_back(peer)
        self._accounts.give_back(self._whose(email, peer))
        self._known[email, peer] = None
        self._known.move_to_end((email, peer))
        if len(self._known) > _KNOWN_HELD:
            self._known.popitem(last=False)

    def mail(self, email: str, peer: str) -> None:
        """A mail is about to be sent, or an account to be made."""
        _require(self._peers.take(peer))
        _require(self._mails.take(email))

    def _whose(self, email: str, peer: str) -> str | tuple[str, str]:
        return (email, peer) if (email, peer) in self._known else email


def _require(over: timedelta) -> None:
    if over:
        raise TooManyAttempts(
            "That was tried too often.", hint=f"Try again after {over.total_seconds():.0f} s, or ask for a link by mail.", retry_after=over
        )
