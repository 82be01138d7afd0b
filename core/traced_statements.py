"""Spans of PostgreSQL's statements, by SQLAlchemy's events: one for each statement within a span, without its text and its values."""

from hashlib import blake2b

from opentelemetry.trace import Span, SpanKind, Tracer, get_current_span
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPICursor

from core.tracing import failed

_SPAN = "pug_span"


def trace_statements(engine: Engine, tracer: Tracer) -> None:
    """Trace what is executed on the engine from now on; connections that are opened or tried are none of it."""

    def began(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if get_current_span().is_recording():
            span = tracer.start_span("postgres", kind=SpanKind.CLIENT)
            span.set_attributes(
                {"db.system.name": "postgresql", "db.operation.name": _verb(statement), "pug.statement": _digest(statement)}
            )
            connection.info[_SPAN] = span

    def ended(connection: Connection, cursor: DBAPICursor, *_: object) -> None:
        span: Span | None = connection.info.pop(_SPAN, None)
        if span:
            span.set_attribute("db.response.returned_rows", max(cursor.rowcount, 0))
            span.end()

    def broke(context: ExceptionContext) -> None:
        span: Span | None = context.connection.info.pop(_SPAN, None) if context.connection else None
        if span:
            # What PostgreSQL says may quote a row.
            failed(span, type(context.original_exception).__name__)
            span.end()

    event.listen(engine, "before_cursor_execute", began)
    event.listen(engine, "after_cursor_execute", ended)
    event.listen(engine, "handle_error", broke)


def _verb(statement: str) -> str:
    return statement.split(maxsplit=1)[0].upper() if statement.strip() else ""


def _digest(statement: str) -> str:
    return blake2b(statement.encode(), digest_size=8).hexdigest()
