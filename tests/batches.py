"""What tests of captured batches send, and what they look at."""

import json
from collections.abc import Callable

from services.capture.admission import Admission
from services.capture.batch import Batch

Decode = Callable[..., Batch]

ID = "0195b0a2-0000-7000-8000-000000000001"
OTHER_ID = "0195b0a2-0000-7000-8000-000000000002"
NOON_MS = 1_772_366_400_000
HOUR_MS = 3_600_000


SOMEBODY = ("cookieless-somebody", "a-visit")


def batch_of(admission: Admission) -> Batch:
    """The batch, with one visitor for all its cookieless events."""
    for index in admission.unidentified:
        admission.identify(index, *SOMEBODY)
    return admission.batch()


def event(**fields: object) -> dict[str, object]:
    return {"eventId": ID, "name": "signed_up", "distinctId": "ann"} | fields


def with_properties(**properties: object) -> dict[str, object]:
    return event(properties=properties)


def rows(batch: Batch) -> list[list[object]]:
    return [json.loads(line) for line in batch.rows.split(b"\n")] if batch.rows else []


def stored_properties(batch: Batch) -> object:
    assert batch.problems == []
    return rows(batch)[0][7]


def stored_time(batch: Batch) -> object:
    return rows(batch)[0][5]


def only_problem(batch: Batch) -> tuple[str, str]:
    (problem,) = batch.problems
    assert problem.message
    assert not problem.warning
    assert batch.rows == b""
    return problem.reason, problem.field
