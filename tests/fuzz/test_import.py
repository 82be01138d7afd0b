"""Whatever a file holds, `pug import` reads each line into an event or says what is wrong with it."""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import app
from app.cli.importing.mapping import ColumnFlags, LineRefused, encoder_for, plan_columns
from app.cli.importing.records import START, Format, read_records
from fuzzing import examples, mutated_bytes

NDJSON = (
    '{"name": "a", "distinctId": "ä", "eventId": "0192f3a4-0000-7000-8000-000000000001"}\n{"distinct_id": "b", "event_id": null}\n\n{}\n'
)
CSV = 'event,distinct_id,time,plan,n\npaid,"a ""b"", c",2026-03-01,pro,1\r\n"se\nen",b,2026-03-01T10:00:00+02:00,,x\n'
SPACES = "1 ann 19970101 2 29.33\n2  bob\t19970102 1 1e3\n"
COLUMNS = "--format spaces --columns id,distinct_id,time,n,price --event bought --property price:number"
FILES: dict[str, tuple[Format, str, Sequence[str]]] = {
    "a.ndjson": (Format.NDJSON, NDJSON, ()),
    "a.csv": (Format.CSV, CSV, ()),
    "a.txt": (Format.SPACES, SPACES, COLUMNS.split()),
}
NAMES = ("event", "distinct_id", "time", "plan", "n")


@pytest.mark.parametrize("name", FILES)
@examples(200)
@given(data=st.data())
def test_each_record_becomes_an_event_or_is_refused(name: str, data: st.DataObject) -> None:
    file_format, good, _ = FILES[name]
    content = data.draw(mutated_bytes(st.just(good.encode())) | st.binary(max_size=60))
    columns = plan_columns(ColumnFlags(properties=("plan", "n:number")), NAMES)
    encode = encoder_for(file_format, columns, "0" * 64)

    records = list(read_records(io.BytesIO(content), len(content), START, file_format))

    assert [one.end for one in records] == sorted({one.end for one in records})
    assert all(one.end.offset <= len(content) for one in records)
    for record in records:
        with suppress(LineRefused):
            assert isinstance(json.loads(encode(record)), dict)


@pytest.mark.parametrize("name", FILES)
@examples(40)
@given(data=st.data())
def test_any_file_is_shown_or_refused_in_a_line(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    _, good, options = FILES[name]
    content = data.draw(mutated_bytes(st.just(good.encode())) | st.binary(max_size=60))
    file: Path = tmp_path_factory.mktemp("import") / name
    file.write_bytes(content)

    result = CliRunner().invoke(app, ["import", str(file), *options, "--dry-run"])

    assert result.exit_code in {0, 2}, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
