"""Sends mail by SMTP, or prints it where there is none."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from core.errors import MailUnavailable, SettingsInvalid

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TIMEOUT_S = 15
_TRIES = 3
_AT_ONCE = 4
_PORTS = {"smtp": 587, "smtps": 465}
_TEMPORARY = range(400, 500)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class PrintedMail:
    """Prints mails instead of sending them, for a server without SMTP: whoever reads its output is trusted with all accounts."""

    def __init__(self, show: Callable[[str, str, str], None] | None = None) -> None:
        """`show` is told address, subject and text; left out, the log is."""
        self._show = show

    async def send(self, to: str, subject: str, text: str) -> None:
        """Print a mail."""
        if self._show:
            self._show(to, subject, text)
        else:
            log.warning("mail_printed", to=to, subject=subject, text=text)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in."""

    host: str
    port: int
    # TLS from the first byte; otherwise STARTTLS is asked for where the server has it.
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def smtp_server(url: str) -> SmtpServer:
    """The server at `smtp[s]://user:password@host:port`; raises SettingsInvalid."""
    wrong = SettingsInvalid(
        "PUG_SMTP_URL is no address of a mail server.", field="PUG_SMTP_URL", hint="smtps://user:password@mail.example.com:465"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpServer(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password)


class SmtpMail:
    """Hands mail to an SMTP server, and again if it can't take it just now."""

    def __init__(self, server: SmtpServer, sender: str, pause_s: float = 2) -> None:
        """`sender` is what From says; `pause_s` is before the second of three tries, twice that before the third."""
        self._server = server
        self._sender = sender
        self._pause_s = pause_s
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand a mail in; raises MailUnavailable, whose words name nobody."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message["Date"], message["Message-ID"] = formatdate(localtime=False), make_msgid(domain=self._sender.rpartition("@")[2].rstrip(">"))
        # A person asked for it by their act: out-of-office replies help nobody.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        tries = AsyncRetrying(
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(self._pause_s, min=self._pause_s),
            retry=retry_if_exception_type(_TryAgain),
            reraise=True,
        )
        async for attempt in tries:
            with attempt:
                async with self._turns:
                    await asyncio.to_thread(self._hand_in, message)

    def _hand_in(self, message: EmailMessage) -> None:
        try:
            with self._connected() as smtp:
                smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            # The library's own words name the recipient, and so would the traceback's.
            raise _refused(max(code for code, _ in error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            raise _TryAgain(f"The mail server does not answer as one: {type(error).__name__}.") from None

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
        try:
            self._introduce(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _introduce(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        smtp.ehlo()
        if not server.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif not server.tls and server.user and server.host not in _LOOPBACK:
            raise MailUnavailable("The mail server takes a password without encryption only.", hint="Set PUG_SMTP_URL to smtps://…")
        if server.user:
            smtp.login(server.user, server.password)


class _TryAgain(MailUnavailable):
    """It may work in a moment."""


def _refused(code: int) -> MailUnavailable:
    kind = _TryAgain if code in _TEMPORARY else MailUnavailable
    return kind(f"The mail server refused with {code}.", hint="See PUG_SMTP_URL and PUG_MAIL_FROM.")
