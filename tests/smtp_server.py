"""A mail server for tests: it takes mail, or refuses it as it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class SmtpInbox:
    """What was taken, and what is answered to each RCPT, the last answer from then on."""

    recipient_answers: list[str] = field(default_factory=lambda: ["250 yes"])
    mails: list[str] = field(default_factory=list[str])
    recipients: list[str] = field(default_factory=list[str])
    logins: list[str] = field(default_factory=list[str])
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())

        say("220 here")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            match line.split(" ")[0].upper():
                case "EHLO":
                    say("250-here", "250 AUTH PLAIN")
                case "AUTH":
                    self.logins.append(line)
                    say("235 welcome")
                case "RCPT":
                    answer = self.recipient_answers.pop(0) if len(self.recipient_answers) > 1 else self.recipient_answers[0]
                    if answer.startswith("250"):
                        self.recipients.append(line)
                    say(answer)
                case "DATA":
                    say("354 go on")
                    self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    break
                case _:
                    say("250 ok")
        writer.close()


@asynccontextmanager
async def smtp_server(*recipient_answers: str) -> AsyncGenerator[SmtpInbox]:
    """A server on a free port of this machine."""
    inbox = SmtpInbox(list(recipient_answers) or ["250 yes"])
    async with await asyncio.start_server(inbox.serve, "127.0.0.1", 0) as server:
        inbox.port = server.sockets[0].getsockname()[1]
        yield inbox
