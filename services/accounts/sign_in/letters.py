"""What is written in mails. Tokens are in the fragment of a link: a browser sends that to nobody, so no log holds them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its address."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Letters:
    """Mails with links to the page at this URL."""

    public_url: str

    def sign_in(self, token: str) -> Letter:
        """For who asked for a link."""
        return Letter(
            "Your link to sign in to Pug",
            f"Sign in to Pug:\n\n{self.link(token)}\n\n{_ONCE}If you did not ask for it, ignore this mail.\n",
        )

    def confirm(self, token: str) -> Letter:
        """For who signed up with a password."""
        warning = "If it was not you who signed up, do not follow the link: somebody else chose the password.\n"
        return Letter("Confirm your address for Pug", f"Confirm your address and sign in to Pug:\n\n{self.link(token)}\n\n{_ONCE}{warning}")

    def registered_already(self, token: str) -> Letter:
        """For who has an account, and signed up once more."""
        text = (
            f"You have an account with this address already; its password stays as it is. Sign in to Pug:\n\n{self.link(token)}\n\n{_ONCE}"
        )
        return Letter("You have a Pug account already", f"{text}If it was not you who signed up, ignore this mail.\n")

    def invitation(self, org: str, by: str, token: str) -> Letter:
        """For who is invited to an org."""
        link = f"{self.public_url.rstrip('/')}/invitation#token={token}"
        text = f"{by} invites you to {org} on Pug:\n\n{link}\n\nThe link works once, for 7 days.\n"
        return Letter(f"You are invited to {org}", text)

    def link(self, token: str) -> str:
        """Where somebody signs in by a token."""
        return f"{self.public_url.rstrip('/')}/sign-in#token={token}"


_ONCE = "The link works once, for 15 minutes.\n\n"
