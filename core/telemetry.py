"""Logs as events with fields: JSON for machines, coloured lines for a terminal."""

import logging
import sys
from contextvars import ContextVar

import structlog
from structlog.typing import EventDict, WrappedLogger

from core.settings import LogFormat

request_id: ContextVar[str] = ContextVar("request_id", default="")
# The RPC that is answered, such as `InsightsService/Query`.
rpc_method: ContextVar[str] = ContextVar("rpc_method", default="")
# Set while something is traced.
trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def configure_logs(log_format: LogFormat, level: str) -> None:
    """Send structlog's and the libraries' log lines to standard error in one format."""
    pretty = log_format is LogFormat.PRETTY or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_ids,
    ]
    # Plain tracebacks: the rich ones show local variables, and those hold keys and people's data.
    renderer = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback) if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    as_text: list[structlog.typing.Processor] = [] if pretty else [structlog.processors.format_exc_info]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *as_text, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # They say at INFO what we say ourselves, once a request or a connection.
    for chatty in ("_granian", "granian", "alembic", "nats", "httpx", "httpcore", "clickhouse_connect"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _add_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, current in (("request_id", request_id.get()), ("trace_id", trace_id.get())):
        if current:
            event[name] = current
    return event
