"""Compares a rendering with the file a reviewer looked at. `REWRITE_GOLDEN=1 pytest …` writes the files anew."""

import io
import os
from pathlib import Path

from rich.console import Console

from app.cli.querying.rendering.answers import rendered
from pug.insights.v1 import insights_pb2 as pb

_FOLDER = Path(__file__).parent / "golden" / "cli"


def drawn(answer: pb.QueryResponse, request: pb.QueryRequest, width: int, *, sparkline: bool = False) -> str:
    """What stands on a terminal of so many columns, without its colours."""
    console = Console(width=width, file=io.StringIO(), highlight=False)
    with console.capture() as captured:
        console.print(rendered(answer, request, width, sparkline=sparkline))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def assert_looks_like(name: str, answer: pb.QueryResponse, request: pb.QueryRequest, *, sparkline: bool = False) -> None:
    """As the file shows it, in 80 and in 100 columns, of which it uses no more."""
    for width in (80, 100):
        text = drawn(answer, request, width, sparkline=sparkline)
        path = _FOLDER / f"{name}.{width}.txt"
        if os.environ.get("REWRITE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()
        assert max(map(len, text.splitlines())) <= width
