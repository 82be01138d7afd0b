from pathlib import Path

import pytest

from app.cli.client import UsageError
from app.cli.importing.mapping import ColumnFlags
from app.cli.importing.sources import open_source


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"event," + b"x" * 200_000, "not the header of a CSV file"),
        (b"event,distinct_id,\xff\xfe", "not UTF-8"),
        ("event,distinct_id".encode("utf-16"), "not UTF-8"),
        (b"", "no columns"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_fix(tmp_path: Path, header: bytes, message: str) -> None:
    file = tmp_path / "events.csv"
    file.write_bytes(header + b"\na,b,c\n")

    with pytest.raises(UsageError, match=message) as refused:
        open_source(file, None, None, None, ColumnFlags())

    assert refused.value.fix
