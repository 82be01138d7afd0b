"""Shows a status, as tables and a line, or as JSON."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from app.cli.doctor.checks import MARKS, State
from app.cli.output import bytes_text, duration_text, table, visible
from app.cli.status.facts import (
    Consumer,
    DeadStream,
    EventStream,
    OpenJobs,
    Pace,
    People,
    Severity,
    Status,
    Turn,
    fullness_severity,
    lag_severity,
    pace,
    people_severity,
    problems,
    rates,
    warnings,
)
from app.cli.status.work import machine_rows, work_json, work_rows
from core.words import counted

_STATE_COLOURS = {State.GOOD: Severity.FINE, State.WARNING: Severity.WORRYING, State.BAD: Severity.BAD, State.SKIPPED: Severity.WORRYING}
_REASON_LENGTH = 80


def status_group(history: Sequence[Status], *, live: bool = False) -> Group:
    """The last status of the history, with how it changed; `live` what matters most comes first, for a terminal may cut off the end."""
    status, told = history[-1], verdict(history)
    parts = (_engines_table(status), Text(), _flow_table(history))
    return Group(told, Text(), *parts) if live else Group(*parts, Text(), told)


def verdict(history: Sequence[Status]) -> Text:
    """All of it in a line."""
    status = history[-1]
    found = problems(status)
    going = pace(history)
    words = "; ".join(found or ["healthy", *warnings(status)])
    if going:
        words += f" · {going}" + (f", by {duration_text(status.lag.total_seconds())}" if going is not Pace.KEEPING_UP else "")
    fine = Severity.WORRYING if warnings(status) and lag_severity(status) is Severity.FINE else lag_severity(status)
    return Text(words, style=f"bold {Severity.BAD if found else fine}")


def status_json(history: Sequence[Status]) -> dict[str, object]:
    """The same for machines."""
    status, going, speed = history[-1], pace(history), rates(history)
    return {
        "at": status.at.isoformat(),
        "healthy": not problems(status),
        "problems": problems(status),
        "warnings": warnings(status),
        "engines": [{"name": each.name, "state": each.state, "found": each.found, "fix": each.fix} for each in status.engines],
        "events": _events_json(status, status.events),
        "pace": going,
        "rates": {"in_per_second": speed.arriving, "out_per_second": speed.leaving} if speed else None,
        "consumers": [_consumer_json(each) for each in status.consumers],
        "turns": None if status.turns is None else [{"job": each.job, "holder": each.holder} for each in status.turns],
        "people": _people_json(status, status.people),
        "dead_letters": _dead_json(status.dead),
        "erasures": _open_json(status.erasures),
        "project_deletions": _open_json(status.deletions),
        **work_json(status),
    }


def _engines_table(status: Status) -> Table:
    built = table(("", "engine", "found", "fix"), ())
    for each in status.engines:
        built.add_row(Text(MARKS[each.state], _STATE_COLOURS[each.state]), each.name, Text(visible(each.found)), Text(visible(each.fix)))
    return built


def _flow_table(history: Sequence[Status]) -> Table:
    status, speed = history[-1], rates(history)
    built = table(("what", "now"), ())
    for name, value in [
        *(_event_rows(history, status.events) if status.events else [("event stream", Text("not known", Severity.BAD))]),
        *([("messages a second", Text(f"{speed.arriving:,.1f} in · {speed.leaving:,.1f} out"))] if speed else []),
        *((f"consumer {each.name}", _consumer_text(each, status.at)) for each in status.consumers),
        *((f"worker {each.job}", _turn_text(each)) for each in status.turns or ()),
        *([("people waiting", _people_text(status, status.people))] if status.people else []),
        *([("dead letters", _dead_text(status.dead, status.at))] if status.dead else []),
        *([("erasures", _open_text(status.erasures, status.at, "`pug erasure list`"))] if status.erasures else []),
        *([("project deletions", _open_text(status.deletions, status.at, "ListProjectDeletions"))] if status.deletions else []),
        *work_rows(status),
        *machine_rows(status),
    ]:
        built.add_row(name, value)
    return built


def _event_rows(history: Sequence[Status], events: EventStream) -> Iterable[tuple[str, Text]]:
    status = history[-1]
    limit = f" ({events.fullness:.1%} of {bytes_text(events.max_bytes)})" if events.max_bytes > 0 else ""
    yield "waiting", Text(f"{counted(events.messages, 'message')}, {bytes_text(events.bytes)}{limit}", fullness_severity(events))
    age = f"{duration_text(status.lag.total_seconds())} · {pace(history)}" if events.oldest else "nothing waits"
    yield "oldest waits for", Text(age, lag_severity(status))
    if events.subjects:
        yield "by subject", Text(visible(" · ".join(f"{name} {count:,}" for name, count in sorted(events.subjects.items()))))


def _consumer_text(consumer: Consumer, now: datetime) -> Text:
    active = f", {duration_text((now - consumer.active_at).total_seconds())} ago" if consumer.active_at else ""
    return Text(
        f"{consumer.pending:,} to deliver · {consumer.ack_pending:,} to be acknowledged · last delivered {consumer.delivered_seq:,}{active}"
    )


def _turn_text(turn: Turn) -> Text:
    return (
        Text(f"runs ({turn.holder})", Severity.FINE)
        if turn.holder
        else Text("none has its turn: start `pug work events`, or read the log of the one that should", Severity.BAD)
    )


def _people_text(status: Status, people: People) -> Text:
    waits = f", the oldest for {duration_text(status.people_lag.total_seconds())}" if people.oldest else ""
    return Text(f"{counted(people.waiting, 'change')}{waits}", people_severity(status))


def _dead_text(dead: DeadStream, now: datetime) -> Text:
    if not dead.letters:
        return Text("none", Severity.FINE)
    age = f", the oldest of {duration_text((now - dead.oldest).total_seconds())} ago" if dead.oldest else ""
    reason = visible(dead.last_reason)
    last = f" · last: {reason[:_REASON_LENGTH]}{'…' if len(reason) > _REASON_LENGTH else ''}" if reason else ""
    return Text(f"{dead.letters:,}, {bytes_text(dead.bytes)}{age}{last} · `pug dead list`", Severity.WORRYING)


def _open_text(jobs: OpenJobs, now: datetime, more: str) -> Text:
    if not jobs.oldest:
        return Text("none open", Severity.FINE)
    age = duration_text((now - jobs.oldest).total_seconds())
    return Text(f"{jobs.open:,} open, the oldest asked for {age} ago · {more}", Severity.WORRYING)


def _events_json(status: Status, events: EventStream | None) -> dict[str, object] | None:
    if events is None:
        return None
    return {
        "messages": events.messages,
        "bytes": events.bytes,
        "max_bytes": events.max_bytes,
        "last_sequence": events.last_seq,
        "oldest_at": _instant(events.oldest),
        "lag_seconds": status.lag.total_seconds(),
        "subjects": dict(events.subjects),
    }


def _consumer_json(consumer: Consumer) -> dict[str, object]:
    return {
        "name": consumer.name,
        "pending": consumer.pending,
        "ack_pending": consumer.ack_pending,
        "last_delivered_sequence": consumer.delivered_seq,
        "last_active_at": _instant(consumer.active_at),
    }


def _people_json(status: Status, people: People | None) -> dict[str, object] | None:
    if people is None:
        return None
    return {"waiting": people.waiting, "oldest_at": _instant(people.oldest), "lag_seconds": status.people_lag.total_seconds()}


def _dead_json(dead: DeadStream | None) -> dict[str, object] | None:
    if dead is None:
        return None
    return {"count": dead.letters, "bytes": dead.bytes, "oldest_at": _instant(dead.oldest), "last_reason": dead.last_reason}


def _open_json(jobs: OpenJobs | None) -> dict[str, object] | None:
    return {"open": jobs.open, "oldest_at": _instant(jobs.oldest)} if jobs else None


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
