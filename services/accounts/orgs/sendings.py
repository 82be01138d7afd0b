"""Decides how many invitations may be mailed, whatever becomes of them: taking one back brings no mail back."""

from collections.abc import Callable
from datetime import timedelta

from core.allowance import Allowances, Rate
from core.errors import TooManyInvitations

# To one address, from all orgs together: anybody can make an org.
_TO_AN_ADDRESS = Rate(20, timedelta(hours=1))
_BY_AN_ACCOUNT = Rate(100, timedelta(seconds=30))


class Sendings:
    """Counts in this process, by who is invited and by who invites."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._addresses = Allowances(_TO_AN_ADDRESS, now)
        self._accounts = Allowances(_BY_AN_ACCOUNT, now)

    def send(self, email: str, by: str) -> None:
        """An invitation is about to be mailed; raises TooManyInvitations."""
        if over := self._accounts.take(by):
            raise TooManyInvitations("You are inviting too many.", hint="Invite the others later.", retry_after=over)
        if over := self._addresses.take(email):
            self._accounts.give_back(by)
            raise TooManyInvitations(
                "This address was invited too often.",
                field="email",
                hint="Wait, or ask whether the mail was taken for spam.",
                retry_after=over,
            )
