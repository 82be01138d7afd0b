import email
from email.policy import default

import pytest
import structlog

import smtp_server as smtp
from core.errors import MailUnavailable, SettingsInvalid
from services.accounts.sign_in.errands import Errands
from services.accounts.sign_in.letters import Letters
from services.accounts.sign_in.mailers import PrintedMail, SmtpMail, SmtpServer, smtp_server

SENDER = "Pug <pug@example.com>"
TO = "ada@example.com"


def mail_by(inbox: smtp.SmtpInbox, *, user: str = "", port: int = 0) -> SmtpMail:
    return SmtpMail(SmtpServer("127.0.0.1", port or inbox.port, tls=False, user=user, password="secret"), SENDER, pause_s=0)


async def test_a_mail_arrives_whole_with_its_link_in_one_line() -> None:
    letter = Letters("https://pug.example/app/").sign_in("ml_" + "0" * 40)
    async with smtp.smtp_server() as inbox:
        await mail_by(inbox, user="pug").send(TO, letter.subject, letter.text)

    message = email.message_from_string(inbox.mails[0], policy=default)
    body = message.get_body()
    assert body
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, TO, letter.subject)
    assert message["Message-ID"].endswith("@example.com>")
    assert f"\nhttps://pug.example/app/sign-in#token=ml_{'0' * 40}\n" in str(body.get_content()).replace("\r\n", "\n")
    assert [line.upper() for line in inbox.recipients] == [f"RCPT TO:<{TO.upper()}>"]
    assert len(inbox.logins) == 1


async def test_a_server_that_is_busy_is_asked_again() -> None:
    async with smtp.smtp_server("451 later", "250 yes") as inbox:
        await mail_by(inbox).send(TO, "Hello", "Hello")

    assert len(inbox.mails) == 1


@pytest.mark.parametrize("answers", [["550 nobody"], ["451 later"]])
async def test_an_error_names_nobody(answers: list[str]) -> None:
    async with smtp.smtp_server(*answers) as inbox:
        with pytest.raises(MailUnavailable) as failed:
            await mail_by(inbox).send(TO, "Hello", "Hello")

    assert TO not in str(failed.value)
    assert failed.value.__cause__ is None
    assert inbox.mails == []


async def test_a_server_that_is_away_is_an_error_of_ours() -> None:
    async with smtp.smtp_server() as inbox:
        port = inbox.port

    with pytest.raises(MailUnavailable, match="does not answer"):
        await mail_by(inbox, port=port).send(TO, "Hello", "Hello")


async def test_a_mail_that_could_not_be_sent_is_logged_without_its_address() -> None:
    errands = Errands()
    async with smtp.smtp_server("550 nobody here called ada@example.com") as inbox:
        with structlog.testing.capture_logs() as lines:
            errands.run("send_link", mail_by(inbox).send(TO, "Hello", "Hello"))
            await errands.finish()

    assert [(line["event"], line["errand"], line["reason"]) for line in lines] == [("errand_failed", "send_link", "MAIL_UNAVAILABLE")]
    assert TO not in str(lines)


async def test_without_a_server_a_mail_is_printed() -> None:
    shown: list[tuple[str, str, str]] = []

    def show(to: str, subject: str, text: str) -> None:
        shown.append((to, subject, text))

    await PrintedMail(show).send(TO, "Hello", "Hello, Ada")
    with structlog.testing.capture_logs() as lines:
        await PrintedMail().send(TO, "Hello", "Hello, Ada")

    assert shown == [(TO, "Hello", "Hello, Ada")]
    assert lines == [{"event": "mail_printed", "log_level": "warning", "to": TO, "subject": "Hello", "text": "Hello, Ada"}]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, tls=False)),
        ("smtps://a%40b:p%2Fw@mail.example.com", SmtpServer("mail.example.com", 465, tls=True, user="a@b", password="p/w")),
        ("smtp://[::1]:2525/", SmtpServer("::1", 2525, tls=False)),
    ],
)
def test_a_url_says_the_server(url: str, server: SmtpServer) -> None:
    assert smtp_server(url) == server


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:port", "smtp://h/path", "smtp://h:99999"]
)
def test_a_url_that_says_none_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        smtp_server(url)

    assert refused.value.field == "PUG_SMTP_URL"
    assert url not in refused.value.message


def test_a_password_of_a_server_never_shows() -> None:
    assert "hunter2" not in repr(smtp_server("smtp://pug:hunter2@mail.example.com"))
