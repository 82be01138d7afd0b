"""Whose the cookieless events of a batch are, from the request to the rows."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches import ID, OTHER_ID, event, rows
from core.bucket import Bucket
from core.errors import SaltUnavailable
from core.sql import sql, unsigned
from services.capture.batch import Arrival, Batch
from services.capture.cookieless.degradations import Degradation, Degradations
from services.capture.cookieless.salts import Salts
from services.capture.cookieless.sessions import Sessions
from services.capture.cookieless.visitors import Visitors
from services.capture.json_batch import decode_json
from story import Store
from visiting import ADDRESS, FIREFOX, NOON, TODAY, MakeBucket
from workers.store import COLUMNS, FORMAT, SETTINGS

_ids = count(1)
_projects = count(1)
Event = Mapping[str, object]


def cookieless(at: str | datetime | None = None, **fields: object) -> dict[str, object]:
    event_id = f"0195b0a2-0000-7000-8000-{next(_ids):012}"
    time = {} if at is None else {"occurredAt": at if isinstance(at, str) else at.isoformat()}
    return {"eventId": event_id, "name": "seen", "cookieless": True, **time, **fields}


async def capture(
    visitors: Visitors, *events: Event, at: datetime = NOON, project_id: int = 7, address: str = ADDRESS, agent: str = FIREFOX
) -> Batch:
    arrival = Arrival(project_id, at, lambda: ID)
    admission = decode_json(json.dumps({"events": events}).encode(), arrival)
    await visitors.identify(admission, arrival, address, agent)
    return admission.batch()


def whose(batch: Batch) -> list[tuple[object, object]]:
    return [(row[3], row[4]) for row in rows(batch)]


def problems(batch: Batch) -> list[tuple[int, str, str]]:
    assert all(problem.message for problem in batch.problems)
    return [(problem.index, problem.reason, problem.field) for problem in batch.problems]


def process(bucket: Bucket, degradations: Degradations) -> Visitors:
    return Visitors(Salts(bucket, degradations), Sessions(bucket, degradations), degradations)


@pytest.fixture
def visitors(make_bucket: MakeBucket, degradations: Degradations) -> Visitors:
    return process(make_bucket(), degradations)


async def test_a_visitor_who_is_erased_is_refused_before_a_session_is_kept(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = make_bucket()
    ((visitor, _),) = whose(await capture(process(bucket, degradations), cookieless(), project_id=70))
    key = f"70.{str(visitor).removeprefix('cookieless-')}"
    kept = await bucket.get(key)
    arrival = Arrival(70, NOON + timedelta(minutes=5), lambda: ID, is_erased=lambda distinct_id: distinct_id == visitor)
    admission = decode_json(json.dumps({"events": [cookieless(), event(distinctId="ann")]}).encode(), arrival)

    await process(bucket, degradations).identify(admission, arrival, ADDRESS, FIREFOX)

    assert problems(admission.batch()) == [(0, "ERASED", "distinctId")]
    assert [row[3] for row in rows(admission.batch())] == ["ann"]
    assert kept
    assert await bucket.get(key) == kept


async def test_the_same_client_is_the_same_visitor_on_one_visit(visitors: Visitors) -> None:
    first = await capture(visitors, cookieless(), cookieless("2026-03-01T11:59:00Z"))
    later = await capture(visitors, cookieless(), at=NOON + timedelta(minutes=10))

    assert len({*whose(first), *whose(later)}) == 1
    assert str(whose(first)[0][0]).startswith("cookieless-")
    assert whose(first)[0][1]


@pytest.mark.parametrize("other", [{"address": "203.0.113.8"}, {"agent": "curl/8.0"}, {"project_id": 8}])
async def test_another_client_or_project_is_another_visitor_with_a_visit_of_their_own(visitors: Visitors, other: dict[str, object]) -> None:
    one, two = await capture(visitors, cookieless()), await capture(visitors, cookieless(), **other)  # pyright: ignore[reportArgumentType] (drawn from the above)

    (visitor, session), (other_visitor, other_session) = *whose(one), *whose(two)
    assert visitor != other_visitor
    assert session != other_session


async def test_the_others_of_a_batch_keep_their_own_ids_and_all_their_order(visitors: Visitors) -> None:
    batch = await capture(visitors, event(sessionId="s"), cookieless(), event(eventId=OTHER_ID, distinctId="bob"))

    (ann, visitor, bob) = whose(batch)
    assert (ann, bob) == (("ann", "s"), ("bob", ""))
    assert str(visitor[0]).startswith("cookieless-")


async def test_midnight_in_utc_makes_another_visitor(visitors: Visitors) -> None:
    batch = await capture(visitors, cookieless("2026-02-28T23:59:59.999Z"), cookieless("2026-03-01T00:00:00Z"))

    (before, after) = whose(batch)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("occurred_at", "accepted"),
    [
        ("2026-02-27T23:59:59.999Z", False),
        ("2026-02-28T00:00:00Z", True),
        ("2026-03-01T23:59:59.999Z", True),
        ("2026-03-02T00:00:00Z", False),
        ("2026-03-02T00:30:00+01:00", True),
    ],
)
async def test_only_events_of_today_and_yesterday_are_accepted(visitors: Visitors, occurred_at: str, *, accepted: bool) -> None:
    batch = await capture(visitors, cookieless(occurred_at), event())

    assert batch.accepted == 1 + accepted
    assert problems(batch) == ([] if accepted else [(0, "COOKIELESS_DAY_OUT_OF_RANGE", "occurredAt")])


@pytest.mark.parametrize(
    ("address", "agent", "missing"),
    [
        ("", FIREFOX, "address"),
        ("unknown", FIREFOX, "address"),
        (ADDRESS, "", "User-Agent"),
        (ADDRESS, " ", "User-Agent"),
        ("", "", "address and a User-Agent"),
    ],
)
async def test_without_address_or_user_agent_only_cookieless_events_are_refused(
    visitors: Visitors, degradations: Degradations, address: str, agent: str, missing: str
) -> None:
    batch = await capture(visitors, event(), cookieless(), cookieless(), address=address, agent=agent)

    assert (batch.accepted, batch.rejected) == (1, 2)
    assert problems(batch) == [(index, "COOKIELESS_IDENTITY_UNAVAILABLE", "cookieless") for index in (1, 2)]
    assert missing in batch.problems[0].message
    assert degradations.counts == {Degradation.IDENTITY_UNAVAILABLE: 1}


async def test_without_a_salt_a_batch_of_cookieless_events_can_be_sent_again_whole(nowhere: Bucket, degradations: Degradations) -> None:
    with pytest.raises(SaltUnavailable) as refused:
        await capture(process(nowhere, degradations), cookieless(), event(name=""))

    assert refused.value.retry_after == timedelta(seconds=1)
    assert degradations.counts == {Degradation.SALT_UNAVAILABLE: 1}


async def test_without_a_salt_the_others_of_a_batch_are_accepted(nowhere: Bucket, degradations: Degradations) -> None:
    batch = await capture(process(nowhere, degradations), cookieless(), event())

    assert whose(batch) == [("ann", "")]
    assert problems(batch) == [(0, "SALT_UNAVAILABLE", "cookieless")]


async def test_a_damaged_salt_is_told_and_costs_only_its_own_day(make_bucket: MakeBucket, degradations: Degradations) -> None:
    bucket = make_bucket()
    await bucket.create(TODAY.isoformat(), b"damaged")

    batch = await capture(process(bucket, degradations), cookieless(), cookieless("2026-02-28T12:00:00Z"), event())

    assert (batch.accepted, problems(batch)) == (2, [(0, "SALT_CORRUPT", "cookieless")])
    assert degradations.counts == {Degradation.SALT_CORRUPT: 1}


async def test_without_sessions_events_are_accepted_in_one_of_the_day(
    make_bucket: MakeBucket, nowhere: Bucket, degradations: Degradations
) -> None:
    visitors = Visitors(Salts(make_bucket(), degradations), Sessions(nowhere, degradations), degradations)

    batch = await capture(visitors, cookieless("2026-03-01T01:00:00Z"), cookieless("2026-03-01T11:00:00Z"))

    assert len(set(whose(batch))) == 1
    assert batch.problems == []
    assert degradations.counts == {Degradation.SESSIONS_UNAVAILABLE: 1}


async def test_a_cookieless_event_that_is_refused_does_not_make_a_good_one_of_its_id_a_duplicate(visitors: Visitors) -> None:
    batch = await capture(visitors, cookieless("2026-02-01T00:00:00Z", eventId=ID), event(eventId=ID))

    assert (batch.accepted, batch.duplicates, batch.rejected) == (1, 0, 1)
    assert batch.problems[0].event_id == ID


REQUESTS = st.lists(
    st.lists(st.integers(-12 * 60, 12 * 60 - 1), min_size=1, max_size=5).map(
        lambda minutes: [cookieless(NOON + timedelta(minutes=minute)) for minute in minutes]
    ),
    min_size=1,
    max_size=6,
)


@given(REQUESTS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_same_batch_sent_again_makes_the_same_rows_to_the_byte_through_whichever_process(
    make_bucket: MakeBucket, degradations: Degradations, requests: list[list[Event]], random: Random
) -> None:
    project_id = next(_projects)
    processes = [process(make_bucket(), degradations) for _ in range(2)]

    async def send(events: list[Event]) -> bytes:
        return (await capture(random.choice(processes), *events, project_id=project_id)).rows

    # Two at a time, so that they meet in the bucket.
    first = [rows for pair in zip(requests[::2], requests[1::2], strict=False) for rows in await asyncio.gather(*map(send, pair))]
    again = [await send(events) for pair in zip(requests[::2], requests[1::2], strict=False) for events in pair]
    apart = b"\n".join(
        [await send([one]) for pair in zip(requests[::2], requests[1::2], strict=False) for events in pair for one in events]
    )

    assert again == first
    assert apart == b"\n".join(first)
    assert not degradations.counts


async def test_nothing_that_is_kept_tells_the_address(visitors: Visitors, make_bucket: MakeBucket, store: Store) -> None:
    batch = await capture(visitors, cookieless(), project_id=store.project_id)

    await store.clickhouse.insert_bytes("events_in", COLUMNS, batch.rows, FORMAT, SETTINGS)
    everything = sql("SELECT * FROM events WHERE project_id = {project}", project=unsigned(store.project_id))
    stored = await store.clickhouse.query_bytes(everything, "JSONEachRow")
    visitor = str(rows(batch)[0][3]).removeprefix("cookieless-")
    kept = await make_bucket().get(f"{store.project_id}.{visitor}")
    assert kept is not None
    assert kept.value.startswith(b"[[")
    assert visitor.encode() in stored
    for secret in (ADDRESS, FIREFOX):
        assert secret.encode() not in batch.rows + kept.value + stored


async def test_a_client_is_the_same_by_ipv4_and_by_ipv4_in_ipv6(visitors: Visitors, arrival: Arrival) -> None:
    mine = replace(arrival, received_at=NOON)
    admission = decode_json(b'{"events":[{"name":"seen","cookieless":true}]}', mine)

    await visitors.identify(admission, mine, "::ffff:" + ADDRESS, FIREFOX)

    assert whose(admission.batch()) == whose(await capture(visitors, cookieless()))
