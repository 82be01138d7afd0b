"""What a project no longer keeps is refused, whichever format it comes in."""

import json
from dataclasses import replace

import pytest

from batches import batch_of, event
from services.capture.batch import Arrival
from services.capture.json_batch import decode_json


@pytest.mark.parametrize(("months", "accepted"), [(None, 3), (1, 2), (2, 3)])
def test_events_from_before_what_is_kept_are_refused_and_say_what_to_do(arrival: Arrival, months: int | None, accepted: int) -> None:
    # It is noon on the first of March.
    times = ("2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
    events = [event(eventId=f"0195b0a2-0000-7000-8000-00000000000{place}", occurredAt=at) for place, at in enumerate(times)]

    batch = batch_of(decode_json(json.dumps({"events": events}).encode(), replace(arrival, retention_months=months)))

    assert batch.accepted == accepted
    for problem in batch.problems:
        assert (problem.index, problem.reason, problem.field) == (0, "OCCURRED_BEFORE_RETENTION", "occurredAt")
        assert "keeps 1 month of events, and this happened before 2026-02-01" in problem.message
        assert "retentionMonths" in problem.message
