"""Shows mails to the person at the terminal, where no mail server is set."""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from core.settings import LogFormat


def show_on_terminal(log_format: LogFormat) -> Callable[[str, str, str], None] | None:
    """Shows address, subject and text among the lines of the log; None where those are for machines."""
    if log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not sys.stderr.isatty()):
        return None
    # Without a frame and without breaking lines, so that a link can be copied.
    terminal = Console(stderr=True, highlight=False, soft_wrap=True)

    def show(to: str, subject: str, text: str) -> None:
        terminal.rule(f"[bold]Mail[/] to {escape(to)} [dim](PUG_SMTP_URL is not set: printed, not sent)[/]", align="left")
        terminal.print(f"[bold]{escape(subject)}[/]\n\n{escape(text)}")
        terminal.rule()

    return show
