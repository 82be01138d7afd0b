"""Compares SQL with the file a reviewer read. `REWRITE_GOLDEN=1 pytest …` writes the files anew."""

import os
from pathlib import Path

from core.sql import Sql

_FOLDER = Path(__file__).parent / "golden"


def assert_reads_as(name: str, query: Sql) -> None:
    written, values = query.render()
    bound = [f"-- {key} = {value.parameter}" for key, value in values.items()]
    text = "\n".join([written.strip(), "", *bound, ""])
    path = _FOLDER / f"{name}.sql"
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
