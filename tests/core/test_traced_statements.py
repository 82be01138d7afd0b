"""What is asked of the engines within a span has one, which says nothing of anybody's data."""

import pytest
import sqlalchemy
import structlog
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app.backends import Backends
from core.clickhouse import ClickHouse
from core.errors import StoreFailed
from core.postgres import create_engine
from core.sql import sql, text, unsigned
from core.tracing import current
from measured import Measured

SECRET = "ann@example.com"
FAILING = sql("SELECT throwIf(number = {number}, {secret}) FROM numbers(3)", number=unsigned(1), secret=text(SECRET))


async def test_a_query_of_clickhouse_says_its_statement_and_what_was_read(engine: ClickHouse) -> None:
    measured = Measured()
    clickhouse = engine.apart(1, measured.tracer)
    one, other = [sql("SELECT number, {secret} FROM numbers(1000)", secret=text(secret)) for secret in (SECRET, "bob")]

    with current(measured.tracer.start_span("call")):
        await clickhouse.query(one)
        await clickhouse.query(other)
    await clickhouse.close()

    spans = measured.spans("clickhouse")
    (call,) = measured.spans("call")
    assert call.context
    assert {span.parent.span_id for span in spans if span.parent} == {call.context.span_id}
    assert [dict(span.attributes or {}) for span in spans] == [
        {
            "db.system.name": "clickhouse",
            "pug.statement": one.fingerprint(),
            "db.response.returned_rows": 1000,
            "pug.rows_read": 1000,
            "pug.bytes_read": 8000,
        }
    ] * 2
    assert SECRET not in " ".join(span.to_json() for span in spans)


async def test_a_query_that_fails_says_its_kind_alone(clickhouse: ClickHouse) -> None:
    measured = Measured()
    own = clickhouse.apart(1, measured.tracer)

    with pytest.raises(StoreFailed), current(measured.tracer.start_span("call")):
        await own.query(FAILING)
    await own.close()

    (span,) = measured.spans("clickhouse")
    assert (span.attributes or {})["error.type"] == "StoreFailed"
    assert SECRET not in span.to_json()


async def test_outside_of_a_span_nothing_is_traced(clickhouse: ClickHouse) -> None:
    measured = Measured()
    own = clickhouse.apart(1, measured.tracer)

    await own.query(sql("SELECT 1"))
    await own.close()

    assert measured.exporter.get_finished_spans() == ()


@pytest.mark.parametrize(("level", "told"), [("DEBUG", True), ("INFO", False)])
async def test_sql_is_told_at_debug_alone_and_without_its_values(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, level: str, *, told: bool
) -> None:
    # A logger that an earlier test has used is bound already and would not be captured.
    monkeypatch.setattr("core.clickhouse.log", structlog.get_logger())
    query = sql("SELECT {secret} AS secret", secret=text(SECRET))

    with caplog.at_level(level, "core.clickhouse"), capture_logs() as logs:
        await clickhouse.query(query)

    lines = [line for line in logs if line["event"] == "clickhouse_asked"]
    assert [(line["sql"], line["statement"]) for line in lines] == [("SELECT {secret_1:String} AS secret", query.fingerprint())] * told
    assert SECRET not in str(logs)


async def test_statements_of_postgresql_are_traced_without_their_text(backends: Backends) -> None:
    measured = Measured()
    engine = create_engine(backends.postgres.url, connections=1, tracer=measured.tracer)

    async with engine.connect() as connection:
        await connection.execute(sqlalchemy.text("SELECT 1"))
        with current(measured.tracer.start_span("call")):
            await connection.execute(sqlalchemy.text("SELECT :secret, generate_series(1, 3)"), {"secret": SECRET})
            with pytest.raises(DBAPIError):
                await connection.execute(sqlalchemy.text("SELECT CAST(:secret AS integer)"), {"secret": SECRET})
    await engine.dispose()

    good, failed = measured.spans("postgres")
    (call,) = measured.spans("call")
    assert good.parent
    assert call.context
    assert good.parent.span_id == call.context.span_id
    assert good.attributes
    assert (good.attributes["db.operation.name"], good.attributes["db.response.returned_rows"]) == ("SELECT", 3)
    assert (failed.attributes or {})["error.type"] == "InvalidTextRepresentation"
    assert SECRET not in good.to_json() + failed.to_json()
