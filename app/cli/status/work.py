"""Shows what the processes of Pug say of their work, and what it takes of the machine."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

import msgspec
from rich.text import Text

from app.cli.output import bytes_text, duration_text, visible
from app.cli.status.facts import Schema, Severity, Status, disk_severity
from app.disk import Space
from app.reporting.report import Report, Store
from core.pulse import SlowQuery
from core.words import counted

_SHOWN = 3
# Where ClickHouse begins to slow inserts down (`parts_to_delay_insert`).
_MANY_PARTS = 1_000


def work_rows(status: Status) -> Iterable[tuple[str, Text]]:
    """What was done lately."""
    if not status.processes:
        if status.processes is not None:
            yield "processes", Text("none answers", Severity.WORRYING)
        return
    accepted, stored, queries = (
        sum(rates) for rates in zip(*((one.accepted, one.stored, one.queries) for one in status.processes), strict=True)
    )
    yield "last minute", Text(f"{accepted:,.1f} accepted · {stored:,.1f} stored · {queries:,.1f} queries a second")
    if block := status.last_block:
        age = duration_text((status.at - block.stored_at).total_seconds())
        yield "last block", Text(f"{counted(block.rows, 'event')} in {block.seconds:.2f} s, {age} ago")
    slow = status.slow
    if not slow:
        yield "slow queries", Text("none in the last hour", Severity.FINE)
        return
    yield "slow queries", Text(f"{len(slow):,} in the last hour · `pug queries slow`", Severity.WORRYING)
    for query in slow[:_SHOWN]:
        yield "", Text(visible(slow_text(query)))


def slow_text(query: SlowQuery) -> str:
    """A slow query in a line."""
    how = f" · {query.error}" if query.error else ""
    return f"{query.seconds:,.1f} s {query.kind} · project {query.project} · {query.source}, {counted(query.rows_read, 'row')}{how}"


def machine_rows(status: Status) -> Iterable[tuple[str, Text]]:
    """What is taken of disks and memory, and by which processes."""
    for name, space in status.disks.items():
        yield f"disk, {name}", Text(_space_text(space), disk_severity(space))
    if store := status.store:
        parts = Severity.WORRYING if store.most_parts >= _MANY_PARTS else ""
        yield "ClickHouse", Text(f"{_tables_text(store)} · {bytes_text(store.memory_bytes)} of memory", parts)
    if schema := status.schema:
        yield "PostgreSQL", Text(f"{bytes_text(schema.bytes)} on the disk")
        yield "schema", _schema_text(schema, store)
    for process in status.processes or ():
        yield f"process {process.pid}", Text(visible(_process_text(process, status.at)), "" if process.store_answers else Severity.BAD)


def _space_text(space: Space) -> str:
    return f"{bytes_text(space.free)} free of {bytes_text(space.size)} ({space.share_free:.0%})"


def _tables_text(store: Store) -> str:
    return f"{bytes_text(store.bytes)} on the disk in {counted(store.parts, 'part')}, at most {store.most_parts:,} in a partition"


def _schema_text(schema: Schema, store: Store | None) -> Text:
    clickhouse = f" · ClickHouse {store.schema}" if store and store.schema else ""
    if schema.postgres == schema.expected:
        return Text(f"PostgreSQL {schema.postgres}{clickhouse}")
    return Text(f"PostgreSQL {schema.postgres}, this version has {schema.expected}: `pug migrate`{clickhouse}", Severity.WORRYING)


def _process_text(process: Report, now: datetime) -> str:
    up = duration_text((now - process.started_at).total_seconds())
    silent = "" if process.store_answers else " · ClickHouse does not answer it"
    return f"{', '.join(process.roles)} · {bytes_text(process.memory_bytes)} · for {up} · {process.version} on {process.host}{silent}"


def work_json(status: Status) -> Mapping[str, object]:
    """The same for machines."""
    return {
        "processes": None if status.processes is None else [_process_json(each) for each in status.processes],
        "last_block": msgspec.to_builtins(status.last_block),
        "slow_queries": [slow_json(each) for each in status.slow],
        "disks": {name: asdict(space) for name, space in status.disks.items()},
        "clickhouse": msgspec.to_builtins(status.store),
        "schema": asdict(status.schema) if status.schema else None,
    }


def slow_json(query: SlowQuery) -> object:
    """A slow query for machines."""
    return msgspec.to_builtins(query)


def _process_json(process: Report) -> object:
    return {name: value for name, value in msgspec.to_builtins(process).items() if name not in {"slow", "store", "last_block"}}
