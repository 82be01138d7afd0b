"""Where mail goes."""

from typing import Protocol


class Mailer(Protocol):
    """Sends mail, or says that it could not: raises MailUnavailable."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Send a text to an address."""
        ...
