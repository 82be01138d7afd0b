"""Shows erasures and certificates, to people."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING

from rich.table import Table

from app.cli.output import instant_text, table, visible
from core.words import counted
from pug.profiles.v1 import erasure_pb2 as pb

if TYPE_CHECKING:
    # What it is read with other commands need not wait for.
    from core.erasure_certificates import StoreCounts

_LABEL_WIDTH = 14


def erasures_table(erasures: Iterable[pb.Erasure]) -> Table:
    """A row for each."""
    return table(("id", "state", "step", "ids", "requested", "finished", "error"), map(_row, erasures), numbers=(3,))


def erasure_text(erasure: pb.Erasure) -> str:
    """All that is told of one."""
    facts = {
        "id": erasure.id,
        "state": f"{_state(erasure)}, {erasure.steps_done} of {erasure.steps} steps done",
        "step": _step(erasure),
        "ids": str(erasure.distinct_id_count),
        "requested": _requested(erasure),
        "finished": _finished(erasure),
        "failed": counted(erasure.failed_attempts, "time") if erasure.failed_attempts else "",
        "error": erasure.error,
    }
    return _facts(facts) + _stores((one.name, one.before, one.after) for one in erasure.stores)


def certificate_text(certificate: Mapping[str, object], stores: Iterable["StoreCounts"], key_name: str) -> str:
    """What a certificate says, whose signature is good; `stores` are those in it."""
    facts = {name.replace("_", " "): str(value) for name, value in certificate.items() if name != "stores"}
    return _facts({"good": f"signed by the key {key_name}", **facts}) + _stores((one.name, one.before, one.after) for one in stores)


def _row(erasure: pb.Erasure) -> tuple[str, ...]:
    ids = str(erasure.distinct_id_count)
    return erasure.id, _state(erasure), _step(erasure), ids, _requested(erasure), _finished(erasure), visible(erasure.error)


def _state(erasure: pb.Erasure) -> str:
    return pb.Erasure.State.Name(erasure.state).removeprefix("STATE_").lower()


def _step(erasure: pb.Erasure) -> str:
    return "" if erasure.step == pb.Erasure.STEP_UNSPECIFIED else pb.Erasure.Step.Name(erasure.step).removeprefix("STEP_").lower()


def _requested(erasure: pb.Erasure) -> str:
    return instant_text(erasure.requested_at.ToDatetime(UTC))


def _finished(erasure: pb.Erasure) -> str:
    return instant_text(erasure.finished_at.ToDatetime(UTC)) if erasure.HasField("finished_at") else ""


def _facts(facts: Mapping[str, str]) -> str:
    return "".join(f"{name:{_LABEL_WIDTH}} {visible(value)}\n" for name, value in facts.items() if value)


def _stores(stores: Iterable[tuple[object, object, object]]) -> str:
    lines = [f"{visible(str(name)):40} {before!s:>12} {after!s:>8}\n" for name, before, after in stores]
    return f"\n{'store':40} {'before':>12} {'after':>8}\n{''.join(lines)}" if lines else ""
