"""Stories about lifecycle, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import FilterInvalid, InvalidArgument, MissingField, PugError, TooLong
from core.person_ids import person_id
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from services.insights.kinds import lifecycle
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Happening, Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
Behind = Callable[..., Awaitable[list[str]]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-04T00:00:00Z", "to": "2026-03-07T00:00:00Z"}


def cycle(name: str = "e", filters: tuple[JSON, ...] = (), insight: JSON | None = None, **query: object) -> JSON:
    return {
        "insight": {"lifecycle": {"event": {"name": name, "filters": list(filters)}}, **(insight or {})},
        "timeRange": THREE_DAYS,
        **query,
    }


def on(day: int, who: str, name: str = "e", hour: int = 10, **properties: object) -> Happening:
    return event(name, who, f"2026-03-{day:02}T{hour:02}:00:00Z", "", **properties)


async def states(ask: Ask, query: JSON) -> dict[str, list[int]]:
    """The counts by state, without the states nobody is in."""
    found = (await ask(query)).lifecycle
    counts = {
        "new": list(found.new),
        "returning": list(found.returning),
        "resurrecting": list(found.resurrecting),
        "dormant": list(found.dormant),
    }
    assert {len(one) for one in counts.values()} == {len(found.buckets)}
    return {state: one for state, one in counts.items() if any(one)}


async def test_person_is_new_then_returning_then_dormant(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "ann"), on(5, "ann"))

    assert await states(ask, cycle()) == {"new": [1, 0, 0], "returning": [0, 1, 0], "dormant": [0, 0, -1]}


async def test_person_who_comes_back_after_a_pause_is_resurrecting(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "ann"), on(6, "ann"))

    assert await states(ask, cycle()) == {"new": [1, 0, 0], "dormant": [0, -1, 0], "resurrecting": [0, 0, 1]}


async def test_person_is_dormant_once_and_not_every_day_after(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "ann"))

    assert await states(ask, cycle()) == {"new": [1, 0, 0], "dormant": [0, -1, 0]}


async def test_person_whose_first_event_lies_before_the_range_is_not_new(store: Store, ask: Ask) -> None:
    await store.tell(event("e", "ann", "2009-01-01T00:00:00Z"), on(4, "ann"), on(4, "bob"))

    assert await states(ask, cycle()) == {"new": [1, 0, 0], "resurrecting": [1, 0, 0], "dormant": [0, -2, 0]}


async def test_day_before_the_range_says_who_returns_and_who_is_dormant_on_the_first(store: Store, ask: Ask) -> None:
    await store.tell(on(3, "ann", hour=0), on(4, "ann"), on(3, "bob", hour=23), on(2, "cid"))

    assert await states(ask, cycle()) == {"returning": [1, 0, 0], "dormant": [-1, -1, 0]}


async def test_only_matching_events_make_somebody_new(store: Store, ask: Ask) -> None:
    await store.tell(on(2, "ann", "other"), on(3, "ann", plan="free"), on(4, "ann", plan="pro"))
    pro: JSON = {"property": "plan", "values": ["pro"]}

    assert await states(ask, cycle(filters=(pro,))) == {"new": [1, 0, 0], "dormant": [0, -1, 0]}
    assert await states(ask, cycle(insight={"filters": {"filters": [pro]}})) == {"new": [1, 0, 0], "dormant": [0, -1, 0]}
    assert await states(ask, cycle()) == {"returning": [1, 0, 0], "dormant": [0, -1, 0]}
    assert await states(ask, cycle("")) == {"returning": [1, 0, 0], "dormant": [0, -1, 0]}


async def test_ids_of_one_person_have_one_life(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "phone"), on(4, "laptop"), on(5, "phone"))
    await store.know(1, {"phone": "ann", "laptop": "ann"})

    assert await states(ask, cycle()) == {"resurrecting": [1, 0, 0], "returning": [0, 1, 0], "dormant": [0, 0, -1]}


async def test_cookieless_visitors_count_only_when_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "cookieless-x"))

    assert await states(ask, cycle()) == {}
    assert await states(ask, cycle(insight={"includeCookieless": True})) == {"new": [1, 0, 0], "dormant": [0, -1, 0]}


NOON_TO_NOON: JSON = {"from": "2026-03-04T12:00:00Z", "to": "2026-03-06T12:00:00Z"}


async def test_part_of_a_day_that_the_range_cuts_off_makes_nobody_active(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "ann", hour=11), on(6, "bob", hour=12), on(6, "cid", hour=11))

    response = await ask(cycle(timeRange=NOON_TO_NOON))

    assert await states(ask, cycle(timeRange=NOON_TO_NOON)) == {"new": [0, 0, 1]}
    assert [bucket.partial for bucket in response.lifecycle.buckets] == [True, False, True]
    assert response.lifecycle.buckets[0].start.ToDatetime(UTC) == datetime(2026, 3, 4, tzinfo=UTC)


async def test_part_that_is_cut_off_is_history_nevertheless(store: Store, ask: Ask) -> None:
    await store.tell(on(4, "ann", hour=11), on(4, "ann", hour=13))

    assert await states(ask, cycle(timeRange=NOON_TO_NOON)) == {"resurrecting": [1, 0, 0], "dormant": [0, -1, 0]}


async def test_day_before_a_range_that_cuts_its_first_is_taken_whole(store: Store, ask: Ask) -> None:
    await store.tell(on(3, "ann", hour=0), on(4, "ann", hour=13), on(3, "bob", hour=23), on(4, "bob", hour=11), on(5, "bob"))

    assert await states(ask, cycle(timeRange=NOON_TO_NOON)) == {
        "returning": [1, 0, 0],
        "resurrecting": [0, 1, 0],
        "dormant": [-1, -1, -1],
    }


async def test_bucket_before_is_one_of_the_granularity_in_the_time_zone(store: Store, ask: Ask) -> None:
    # In Tokyo this is the first of February already.
    await store.tell(event("e", "ann", "2026-01-31T15:00:00Z"), on(4, "ann"))

    monthly = cycle(granularity="GRANULARITY_MONTH")
    assert await states(ask, {**monthly, "timeZone": "Asia/Tokyo"}) == {"returning": [1]}
    assert await states(ask, monthly) == {"resurrecting": [1]}


async def test_week_before_starts_on_the_day_weeks_do(store: Store, ask: Ask) -> None:
    # The first of March is a Sunday.
    await store.tell(on(1, "ann"), on(4, "ann"))

    weekly = cycle(granularity="GRANULARITY_WEEK")
    assert await states(ask, weekly) == {"returning": [1]}
    assert await states(ask, {**weekly, "weekStart": "WEEK_START_SUNDAY"}) == {"resurrecting": [1]}


async def test_range_may_begin_where_time_does(ask: Ask) -> None:
    dawn: JSON = {"from": "1900-01-01T00:00:00Z", "to": "1901-01-01T00:00:00Z"}

    assert await states(ask, cycle(timeRange=dawn, granularity="GRANULARITY_MONTH", timeZone="Asia/Kolkata")) == {}


async def test_persons_behind_a_count_are_those_in_the_state(store: Store, behind: Behind) -> None:
    await store.tell(on(4, "new"), on(3, "phone"), on(4, "phone"), on(1, "back"), on(4, "back"), on(3, "gone"), on(3, "cookieless-x"))
    await store.know(1, {"phone": "ann"})
    first: JSON = {"bucket": "2026-03-04T00:00:00Z"}

    found = {
        state: await behind(cycle(), lifecycle={**first, "state": f"STATE_{state}"})
        for state in ("NEW", "RETURNING", "RESURRECTING", "DORMANT")
    }

    assert found == {
        "NEW": [person_id("new")],
        "RETURNING": [person_id("ann")],
        "RESURRECTING": [person_id("back")],
        "DORMANT": [person_id("gone")],
    }
    assert len(await behind(cycle(), lifecycle={"bucket": "2026-03-05T00:00:00Z", "state": "STATE_DORMANT"})) == 3


OF_REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "no state": ({"bucket": "2026-03-04T00:00:00Z"}, MissingField, "lifecycle.state"),
    "no bucket": ({"state": "STATE_NEW"}, MissingField, "lifecycle.bucket"),
    "no start of a bucket": ({"bucket": "2026-03-04T10:00:00Z", "state": "STATE_NEW"}, InvalidArgument, "lifecycle.bucket"),
    "the bucket before": ({"bucket": "2026-03-03T00:00:00Z", "state": "STATE_NEW"}, InvalidArgument, "lifecycle.bucket"),
}


@pytest.mark.parametrize("case", OF_REFUSED)
async def test_persons_of_a_count_there_is_not_are_refused(behind: Behind, case: str) -> None:
    of, error, field = OF_REFUSED[case]

    with pytest.raises(error) as raised:
        await behind(cycle(), lifecycle=of)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)


@pytest.mark.parametrize(
    "wild", [Timestamp(seconds=2**63 - 1), Timestamp(seconds=-(2**63)), Timestamp(nanos=-1), Timestamp(nanos=2**31 - 1)]
)
def test_no_bucket_starts_at_what_is_no_time(wild: Timestamp) -> None:
    request = ParseDict(dict(cycle()), QueryRequest())
    scope = scope_of(request, Project(1, "UTC"), datetime(2026, 3, 10, 12, 0, tzinfo=UTC))
    wild.seconds = wild.seconds or request.time_range.to.seconds - 86_400
    of = ListPersonsRequest.OfLifecycle(bucket=wild, state=ListPersonsRequest.OfLifecycle.STATE_NEW)

    with pytest.raises(InvalidArgument) as raised:
        lifecycle.persons(request.insight.lifecycle, of, scope)

    assert raised.value.field == "lifecycle.bucket"


FIELD = "insight.lifecycle"
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "a filter of the event": (cycle(filters=({"property": "x"},)), FilterInvalid, f"{FIELD}.event.filters[0].values"),
    "a bad pattern": (
        cycle(filters=({"property": "x", "op": "OP_MATCHES", "values": ["("]},)),
        FilterInvalid,
        f"{FIELD}.event.filters[0].values[0]",
    ),
    "an event name of 201 characters": (cycle("n" * 201), TooLong, f"{FIELD}.event.name"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
