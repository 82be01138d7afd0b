"""Stories about stickiness, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from core.errors import FilterInvalid, InvalidArgument, PugError, TooLong
from core.person_ids import person_id
from pug.insights.v1.insights_pb2 import QueryResponse
from story import Happening, Store, event

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
Behind = Callable[..., Awaitable[list[str]]]
JSON = Mapping[str, object]

THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


def stick(name: str = "e", mode: str = "EXACT", filters: tuple[JSON, ...] = (), insight: JSON | None = None, **query: object) -> JSON:
    stickiness: JSON = {"event": {"name": name, "filters": list(filters)}, "mode": f"MODE_{mode}"}
    return {"insight": {"stickiness": stickiness, **(insight or {})}, "timeRange": THREE_DAYS, **query}


def on(day: int, who: str, name: str = "e", hour: int = 10, **properties: object) -> Happening:
    return event(name, who, f"2026-03-{day:02}T{hour:02}:00:00Z", "", **properties)


async def counts(ask: Ask, query: JSON) -> list[int]:
    return list((await ask(query)).stickiness.counts)


async def test_persons_are_counted_by_the_number_of_days_they_were_active_on(store: Store, ask: Ask) -> None:
    await store.tell(
        on(1, "ann"), on(2, "ann"), on(3, "ann"), on(1, "bob"), on(3, "bob"), on(2, "cid"), on(3, "dan"), on(1, "eve", "other")
    )

    assert await counts(ask, stick()) == [2, 1, 1]


async def test_day_counts_once_however_much_was_done_on_it(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann"), on(1, "ann", hour=11), on(1, "ann", hour=23))

    assert await counts(ask, stick()) == [1, 0, 0]


async def test_cumulative_counts_those_of_at_least_so_many_days(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann"), on(2, "ann"), on(3, "ann"), on(1, "bob"), on(3, "bob"), on(2, "cid"), on(3, "dan"))

    assert await counts(ask, stick(mode="CUMULATIVE")) == [4, 2, 1]
    assert await counts(ask, stick(mode="UNSPECIFIED")) == [2, 1, 1]


async def test_there_is_a_count_for_every_number_of_buckets_even_without_anybody(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann", "other"))

    assert await counts(ask, stick()) == [0, 0, 0]
    assert await counts(ask, stick(granularity="GRANULARITY_HOUR")) == [0] * 72


async def test_interval_of_the_insight_goes_before_the_granularity_of_the_query(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann"), on(2, "ann"), on(3, "ann", hour=11))
    query = stick(granularity="GRANULARITY_HOUR")
    by_week = {**query, "insight": {"stickiness": {"event": {"name": "e"}, "interval": "GRANULARITY_WEEK"}}}

    # Of two calendar weeks the range has a Sunday, a Monday and a Tuesday.
    assert await counts(ask, by_week) == [0, 1]


async def test_unknown_interval_is_named(ask: Ask) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await ask({"insight": {"stickiness": {"interval": 99}}, "timeRange": THREE_DAYS})

    assert refused.value.field == "insight.stickiness.interval"


async def test_buckets_are_those_of_the_granularity_in_the_querys_time_zone(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann", hour=14), on(1, "ann", hour=16))

    assert await counts(ask, stick()) == [1, 0, 0]
    assert await counts(ask, stick(timeZone="Asia/Tokyo")) == [0, 1, 0, 0]
    assert (await counts(ask, stick(granularity="GRANULARITY_HOUR")))[:2] == [0, 1]
    # The first of March is a Sunday.
    assert await counts(ask, stick(granularity="GRANULARITY_WEEK")) == [1, 0]


async def test_ids_of_one_person_are_active_together(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "phone"), on(2, "laptop"), on(3, "bob"))
    await store.know(1, {"phone": "ann", "laptop": "ann"})

    assert await counts(ask, stick()) == [1, 1, 0]


async def test_cookieless_visitors_count_only_when_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann"), on(1, "cookieless-x"))

    assert await counts(ask, stick()) == [1, 0, 0]
    assert await counts(ask, stick(insight={"includeCookieless": True})) == [2, 0, 0]


async def test_filters_of_the_event_and_of_the_query_restrict_what_makes_somebody_active(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann", plan="pro"), on(2, "ann", plan="free"), on(3, "ann", plan="pro", bot=True))
    pro: JSON = {"property": "plan", "values": ["pro"]}
    no_bot: JSON = {"filters": {"filters": [{"property": "bot", "op": "OP_IS_NOT", "values": [True]}]}}

    assert await counts(ask, stick(filters=(pro,))) == [0, 1, 0]
    assert await counts(ask, stick(filters=(pro,), insight=no_bot)) == [1, 0, 0]


async def test_empty_name_makes_any_event_count(store: Store, ask: Ask) -> None:
    await store.tell(on(1, "ann"), on(2, "ann", "other"))

    assert await counts(ask, stick("")) == [0, 1, 0]


async def test_persons_behind_a_count_are_those_it_counts(store: Store, behind: Behind) -> None:
    await store.tell(on(1, "ann"), on(2, "phone"), on(1, "bob"), on(3, "bob"), on(2, "cid"), on(2, "cookieless-x"))
    await store.know(1, {"phone": "ann"})
    ids = {name: person_id(name) for name in ("ann", "bob", "cid")}

    assert await behind(stick(), stickiness={"buckets": 2}) == sorted([ids["ann"], ids["bob"]])
    assert await behind(stick(), stickiness={"buckets": 1}) == [ids["cid"]]
    assert await behind(stick(), stickiness={"buckets": 3}) == []
    assert await behind(stick(mode="CUMULATIVE"), stickiness={"buckets": 1}) == sorted(ids.values())


@pytest.mark.parametrize("buckets", [-1, 0, 4])
async def test_persons_of_a_count_there_is_not_are_refused(behind: Behind, buckets: int) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await behind(stick(), stickiness={"buckets": buckets})

    assert (raised.value.field, bool(raised.value.hint)) == ("stickiness.buckets", True)


FIELD = "insight.stickiness"
REFUSED: Mapping[str, tuple[JSON, type[PugError], str]] = {
    "an unknown mode": ({"insight": {"stickiness": {"mode": 9}}, "timeRange": THREE_DAYS}, InvalidArgument, f"{FIELD}.mode"),
    "a filter of the event": (stick(filters=({"property": "x"},)), FilterInvalid, f"{FIELD}.event.filters[0].values"),
    "a bad pattern": (
        stick(filters=({"property": "x", "op": "OP_MATCHES", "values": ["("]},)), FilterInvalid, f"{FIELD}.event.filters[0].values[0]"
    ),
    "an event name of 201 characters": (stick("n" * 201), TooLong, f"{FIELD}.event.name"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_question_that_makes_no_sense_is_refused_at_its_field(ask: Ask, case: str) -> None:
    question, error, field = REFUSED[case]

    with pytest.raises(error) as raised:
        await ask(question)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
