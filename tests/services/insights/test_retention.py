"""Stories about retention, on the real engine. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import InvalidArgument, MissingField, PropertyMissing, PugError, RangeTooLong, TooLong, TooMany
from core.sql import sql
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import ListPersonsRequest, QueryRequest, QueryResponse
from pug.insights.v1.retention_pb2 import RetentionResult
from services.insights.kinds import retention
from services.insights.scope import scope_of
from services.rpc.call import Project
from story import Happening, Store, event, next_project

Ask = Callable[[Mapping[str, object]], Awaitable[QueryResponse]]
JSON = Mapping[str, object]

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
PLAN: JSON = {"breakdowns": [{"property": "plan"}]}


def asking(
    periods: int = 2,
    *,
    more: JSON | None = None,
    days: JSON = THREE_DAYS,
    query: JSON | None = None,
    insight: JSON | None = None,
    **spec: object,
) -> JSON:
    """A query about those who join and then use."""
    return {
        "insight": {
            "retention": {"start": {"name": "join"}, "return": {"name": "use"}, "periods": periods, **(more or {}), **spec},
            **(insight or {}),
        },
        "timeRange": days,
        **(query or {}),
    }


def days(first: str, after: str) -> JSON:
    return {"from": f"{first}T00:00:00Z", "to": f"{after}T00:00:00Z"}


def join(who: str, day: int, time: str = "10:00:00", **properties: object) -> Happening:
    return event("join", who, f"2026-03-{day:02}T{time}Z", "", **properties)


def use(who: str, day: int, time: str = "10:00:00", **properties: object) -> Happening:
    return event("use", who, f"2026-03-{day:02}T{time}Z", "", **properties)


def table(response: QueryResponse) -> RetentionResult.Series:
    (series,) = response.retention.series
    return series


def counts(series: RetentionResult.Series) -> list[list[int]]:
    return [list(cohort.counts) for cohort in series.cohorts]


def starts(series: RetentionResult.Series) -> list[str]:
    return [cohort.start.ToDatetime(UTC).isoformat().removesuffix(":00+00:00") for cohort in series.cohorts]


def labels(response: QueryResponse) -> dict[str, list[list[int]]]:
    """The counts of each table by the label of its cell."""
    return {label(one.cell): counts(one) for one in response.retention.series}


def label(cell: Cell) -> str:
    return "others" if cell.others else " ".join("(absent)" if value.absent else value.value for value in cell.values)


async def test_cohort_is_who_started_on_a_day_and_counts_are_who_of_them_came_back_on_each_day_after(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("bob", 1), join("cid", 2))
    await store.tell(use("ann", 2), use("ann", 2), use("ann", 3), use("bob", 3), use("cid", 3), use("dan", 3))

    series = table(await ask(asking()))

    assert starts(series) == ["2026-03-01T00:00", "2026-03-02T00:00", "2026-03-03T00:00"]
    assert [cohort.size for cohort in series.cohorts] == [2, 1, 0]
    assert counts(series) == [[2, 1, 2], [1, 1, 0], [0, 0, 0]]
    assert [cohort.complete for cohort in series.cohorts] == [3, 3, 3]
    assert series.mean == [1, pytest.approx(2 / 3), pytest.approx(2 / 3)]


async def test_return_event_is_the_start_event_when_none_is_named(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("ann", 2), join("bob", 1), use("bob", 2))
    same: JSON = {"insight": {"retention": {"start": {"name": "join"}, "periods": 2}}, "timeRange": THREE_DAYS}

    assert counts(table(await ask(same))) == [[2, 1, 0], [0, 0, 0], [0, 0, 0]]


async def test_any_event_may_be_the_start_or_the_return(store: Store, ask: Ask) -> None:
    await store.tell(use("ann", 1), event("else", "ann", "2026-03-02T10:00:00Z"), join("ann", 3))

    assert counts(table(await ask(asking(start={"name": ""}, more={"return": {}})))) == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


async def test_table_of_nobody_has_all_its_cohorts(ask: Ask) -> None:
    series = table(await ask(asking()))

    assert counts(series) == [[0, 0, 0]] * 3
    assert series.mean == [1]


async def test_seven_periods_are_counted_unless_another_number_is_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), use("ann", 8), use("ann", 9))

    assert counts(table(await ask(asking(0, days=days("2026-03-01", "2026-03-02"))))) == [[1, 0, 0, 0, 0, 0, 0, 1]]


async def test_starts_count_in_the_range_alone_and_returns_also_after_it(store: Store, ask: Ask) -> None:
    await store.tell(
        event("join", "early", "2026-02-28T23:59:59.999Z"), use("early", 2), join("ann", 3, "23:59:59.999"), use("ann", 5), join("late", 4)
    )

    assert counts(table(await ask(asking()))) == [[0, 0, 0], [0, 0, 0], [1, 0, 1]]


async def test_what_happened_before_the_start_or_in_its_own_period_is_no_return(store: Store, ask: Ask) -> None:
    await store.tell(use("ann", 1), join("ann", 2), use("ann", 2, "11:00:00"))

    assert counts(table(await ask(asking()))) == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


async def test_counts_that_have_not_begun_are_absent_and_complete_says_how_many_are_final(store: Store, ask: Ask) -> None:
    # At noon of the 10th that day is still running, and the 11th has not begun.
    await store.tell(join("ann", 8), use("ann", 9), use("ann", 10), join("bob", 9), use("bob", 10), join("cid", 10), use("cid", 11))

    series = table(await ask(asking(days=days("2026-03-08", "2026-03-12"))))

    assert counts(series) == [[1, 1, 1], [1, 1], [1], [0]]
    assert [cohort.complete for cohort in series.cohorts] == [2, 1, 0, 0]
    assert series.mean == [1, 1]


async def test_cohort_cut_by_the_range_is_final_when_the_range_is_over(store: Store, ask: Ask) -> None:
    noon = {"from": "2026-03-10T06:00:00Z", "to": "2026-03-10T11:00:00Z"}
    await store.tell(join("early", 10, "05:59:59"), join("ann", 10, "06:00:00"), join("late", 10, "11:00:00"))

    series = table(await ask(asking(days=noon)))

    assert (starts(series), counts(series), series.cohorts[0].complete) == (["2026-03-10T00:00"], [[1]], 1)


@pytest.mark.parametrize(
    ("period", "of_range", "last_before", "first_of_next"),
    [
        ("HOUR", days("2026-03-01", "2026-03-02"), "2026-03-01T10:59:59.999Z", "2026-03-01T11:00:00Z"),
        ("DAY", days("2026-03-01", "2026-03-02"), "2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00Z"),
        # The 1st of March is a Sunday.
        ("WEEK", days("2026-02-23", "2026-03-02"), "2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00Z"),
        ("MONTH", days("2026-02-01", "2026-03-01"), "2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z"),
    ],
)
async def test_period_begins_with_the_calendar(store: Store, *, period: str, of_range: JSON, last_before: str, first_of_next: str) -> None:
    began = last_before.replace("59:59.999", "30:00")
    await store.tell(event("join", "ann", began), event("use", "ann", last_before))
    await store.tell(event("join", "bob", began), event("use", "bob", first_of_next))
    asked = asking(1, days=of_range, period=f"PERIOD_{period}")
    cohort = 10 if period == "HOUR" else 0

    assert await who(store, asked, cohort, 0) == {"ann", "bob"}
    assert await who(store, asked, cohort, 1) == {"bob"}


async def test_week_begins_on_the_day_that_is_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(event("join", "ann", "2026-02-28T10:00:00Z"), use("ann", 1))
    weeks = asking(1, days=days("2026-02-23", "2026-03-02"), period="PERIOD_WEEK")

    assert counts(table(await ask(weeks))) == [[1, 0]]
    assert counts(table(await ask({**weeks, "weekStart": "WEEK_START_SUNDAY"}))) == [[1, 1], [0, 0]]


async def test_days_are_those_of_the_querys_time_zone(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1, "22:59:59"), use("ann", 1, "23:00:00"))
    berlin: JSON = {"from": "2026-03-01T00:00:00+01:00", "to": "2026-03-02T00:00:00+01:00"}

    assert counts(table(await ask(asking(1, days=berlin, query={"timeZone": "Europe/Berlin"})))) == [[1, 1]]


async def test_day_of_23_hours_is_one_period_by_the_calendar_but_24_hours_are_one_by_the_person(store: Store, ask: Ask) -> None:
    # In New York the 8th has 23 hours: 24 hours after 23:30 of the 7th it is 00:30 of the 9th.
    new_york: JSON = {"from": "2026-03-07T00:00:00-05:00", "to": "2026-03-08T00:00:00-05:00"}
    await store.tell(join("ann", 8, "04:30:00"), use("ann", 9, "04:29:59.999"))
    query: JSON = {"timeZone": "America/New_York"}

    by_calendar = await ask(asking(2, days=new_york, query=query))
    by_person = await ask(asking(2, days=new_york, query=query, clock="CLOCK_ROLLING"))

    assert counts(table(by_calendar)) == [[1, 0, 1]]
    assert counts(table(by_person)) == [[1, 0, 0]]


async def test_rolling_period_begins_with_the_person_to_the_millisecond(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1, "18:00:00.500"), use("ann", 2, "18:00:00.499"), use("ann", 3, "18:00:00.500"))
    await store.tell(join("bob", 1, "01:00:00"), use("bob", 2, "01:00:00"), use("bob", 4, "00:59:59.999"))

    assert counts(table(await ask(asking(3, clock="CLOCK_ROLLING")))) == [[2, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


async def test_rolling_month_is_thirty_days(store: Store) -> None:
    await store.tell(event("join", "ann", "2026-01-31T10:00:00Z"), use("ann", 2, "09:59:59.999"))
    await store.tell(event("join", "bob", "2026-01-31T10:00:00Z"), use("bob", 2, "10:00:00"))
    asked = asking(1, days=days("2026-01-01", "2026-02-01"), clock="CLOCK_ROLLING", period="PERIOD_MONTH")

    assert await who(store, asked, 0, 1) == {"bob"}


async def test_rolling_count_is_there_once_it_has_begun_for_the_first_and_final_once_it_is_over_for_the_last(
    store: Store, ask: Ask
) -> None:
    # Noon of the 10th is 24 hours after the first of these began, 48 hours after the last of those.
    await store.tell(join("ann", 9, "12:00:00"), join("bob", 9, "12:00:00.001"), join("cid", 8, "09:00:00"), join("dan", 8, "12:00:00"))

    series = table(await ask(asking(days=days("2026-03-08", "2026-03-10"), clock="CLOCK_ROLLING")))

    assert counts(series) == [[2, 0, 0], [2, 0]]
    assert [cohort.complete for cohort in series.cohorts] == [2, 1]


async def test_first_in_range_has_a_person_in_one_cohort(store: Store, ask: Ask) -> None:
    await store.tell(event("join", "ann", "2026-02-01T00:00:00Z"), join("ann", 2), join("ann", 3), use("ann", 4))

    assert counts(table(await ask(asking()))) == [[0, 0, 0], [1, 0, 1], [0, 0, 0]]


async def test_first_ever_leaves_out_who_started_at_any_time_before(store: Store, ask: Ask) -> None:
    await store.tell(event("join", "old", "1999-01-01T00:00:00Z"), join("old", 1), join("ann", 1), use("ann", 2), use("old", 2))
    await store.tell(event("use", "ann", "1999-01-01T00:00:00Z"))

    series = table(await ask(asking(entry="ENTRY_FIRST_EVER")))

    assert counts(series) == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


async def test_first_ever_looks_only_at_starts_that_pass_the_filters(store: Store, ask: Ask) -> None:
    await store.tell(event("join", "ann", "1999-01-01T00:00:00Z", plan="free"), join("ann", 1, plan="pro"), use("ann", 2, plan="pro"))
    pro: JSON = {"filters": [{"property": "plan", "values": ["pro"]}]}

    by_start = await ask(asking(entry="ENTRY_FIRST_EVER", start={"name": "join", **pro}))
    by_query = await ask(asking(entry="ENTRY_FIRST_EVER", insight={"filters": pro}))

    assert counts(table(by_start))[0] == counts(table(by_query))[0] == [1, 1, 0]
    assert counts(table(await ask(asking(entry="ENTRY_FIRST_EVER"))))[0] == [0, 0, 0]


async def test_recurring_has_a_person_in_the_cohort_of_every_period_they_start_in(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("ann", 1, "11:00:00"), join("ann", 3), use("ann", 2), use("ann", 4))

    assert counts(table(await ask(asking(3, entry="ENTRY_RECURRING")))) == [[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]


async def test_on_or_after_counts_a_return_in_all_periods_before_it_too(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), use("ann", 3), join("bob", 1), use("bob", 2), use("bob", 4), join("cid", 1), use("cid", 5))

    series = table(await ask(asking(3, mode="MODE_ON_OR_AFTER")))

    # What cid did is after all periods.
    assert counts(series)[0] == [3, 2, 2, 1]


async def test_on_or_after_is_final_when_the_last_period_is_over(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 7), use("ann", 8), join("bob", 8), use("bob", 9))

    series = table(await ask(asking(2, days=days("2026-03-07", "2026-03-09"), mode="MODE_ON_OR_AFTER")))

    assert counts(series) == [[1, 1, 0], [1, 1, 0]]
    assert [cohort.complete for cohort in series.cohorts] == [3, 1]


async def test_brackets_join_periods(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), use("ann", 2), use("ann", 3), use("ann", 4), join("bob", 1), use("bob", 7), use("bob", 8))

    series = table(await ask(asking(0, mode="MODE_BRACKETS", brackets=[1, 2, 3])))

    assert counts(series)[0] == [2, 1, 1, 1]


async def test_bracket_is_there_once_its_first_period_has_begun_and_final_once_its_last_is_over(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 8), use("ann", 10), join("bob", 7))

    series = table(await ask(asking(0, days=days("2026-03-07", "2026-03-09"), mode="MODE_BRACKETS", brackets=[1, 2, 1])))

    assert counts(series) == [[1, 0, 0], [1, 0, 1]]
    assert [cohort.complete for cohort in series.cohorts] == [2, 2]


async def test_return_may_take_several_events_in_one_period(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), use("ann", 2), use("ann", 2), join("bob", 1), use("bob", 2), use("bob", 3))

    for mode in ("MODE_ON", "MODE_ON_OR_AFTER"):
        assert counts(table(await ask(asking(minimum=2, mode=mode))))[0] == [2, 1, 0]
    # Also in a bracket: twice in one of its periods, rather than twice in all of it.
    assert counts(table(await ask(asking(0, minimum=2, mode="MODE_BRACKETS", brackets=[2]))))[0] == [2, 1]


async def test_mean_weighs_persons_or_on_request_cohorts_and_only_what_is_complete(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 8), join("bob", 8), join("cid", 8), use("ann", 9), use("bob", 10), join("dan", 7), use("dan", 8))
    range_of: JSON = days("2026-03-06", "2026-03-09")

    assert table(await ask(asking(days=range_of))).mean == [1, 0.5, 0]
    assert table(await ask(asking(days=range_of, simpleMean=True))).mean == [1, pytest.approx((1 + 1 / 3) / 2), 0]


async def test_breakdown_is_by_the_value_of_the_first_start_even_among_those_of_one_millisecond(store: Store, ask: Ask) -> None:
    # The first half of an id decides before the second does.
    later, sooner = "00000000-0000-7001-8000-000000000000", "00000000-0000-7000-9000-000000000000"
    await store.tell(
        Happening("join", "ann", NOW.replace(day=1), properties={"plan": "pro"}, event_id=later),
        Happening("join", "ann", NOW.replace(day=1), properties={"plan": "free"}, event_id=sooner),
        join("ann", 3, plan="team"),
        use("ann", 2, plan="pro"),
    )

    assert labels(await ask(asking(more=PLAN))) == {"free": [[1, 1, 0], [0, 0, 0], [0, 0, 0]]}


async def test_breakdown_of_recurring_cohorts_is_by_the_first_start_of_each(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1, plan="free"), join("ann", 1, "11:00:00", plan="x"), join("ann", 2, plan="pro"), use("ann", 3))

    found = labels(await ask(asking(entry="ENTRY_RECURRING", more=PLAN)))

    assert found == {"free": [[1, 0, 1], [0, 0, 0], [0, 0, 0]], "pro": [[0, 0, 0], [1, 1, 0], [0, 0, 0]]}


async def test_table_of_the_most_persons_comes_first_though_another_has_more_in_its_cohorts(store: Store, ask: Ask) -> None:
    await store.tell(*(join("ann", day, plan="a") for day in (1, 2, 3)), join("bob", 1, plan="b"), join("cid", 1, plan="b"))

    assert list(labels(await ask(asking(entry="ENTRY_RECURRING", more=PLAN)))) == ["b", "a"]


async def test_cells_beyond_the_limit_are_one_and_an_absent_value_is_one_of_its_own(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("bob", 1), join("cid", 1, plan=""), join("dan", 1, plan="x"), join("eve", 2, plan="y"))
    await store.tell(use("bob", 2), use("dan", 2), use("eve", 3))

    found = labels(await ask(asking(breakdownLimit=2, more=PLAN)))

    assert found == {
        "(absent)": [[2, 1, 0], [0, 0, 0], [0, 0, 0]],
        "": [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        "others": [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
    }


async def test_ids_of_one_person_are_one_and_a_trait_may_split(store: Store, ask: Ask) -> None:
    await store.tell(join("ann", 1), join("ann-too", 2), use("ann-too", 3), join("bob", 1))
    tie = f"INSERT INTO person_ties (project_id, distinct_id, root, version) VALUES ({store.project_id}, 'ann-too', 'ann', 1)"
    trait = f"INSERT INTO person_traits (project_id, root, version, traits) VALUES ({store.project_id}, 'ann', 1, '{{\"tier\":\"1\"}}')"
    for command in (tie, trait, f"INSERT INTO identity_versions VALUES ({store.project_id}, 1)"):
        await store.clickhouse.command(command)

    found = labels(await ask(asking(breakdowns=[{"property": "tier", "source": "SOURCE_PERSON"}])))

    assert found == {"1": [[1, 0, 1], [0, 0, 0], [0, 0, 0]], "(absent)": [[1, 0, 0], [0, 0, 0], [0, 0, 0]]}


async def test_visitors_without_cookies_are_left_out_unless_asked_for(store: Store, ask: Ask) -> None:
    await store.tell(join("cookieless-1", 1), use("cookieless-1", 2))

    assert counts(table(await ask(asking())))[0] == [0, 0, 0]
    assert counts(table(await ask(asking(insight={"includeCookieless": True}))))[0] == [1, 1, 0]


async def test_other_projects_never_count(store: Store, ask: Ask) -> None:
    stranger = Store(store.clickhouse, next_project())
    await store.tell(join("ann", 1))
    await stranger.tell(join("bob", 1), use("ann", 2))

    assert counts(table(await ask(asking())))[0] == [1, 0, 0]


async def test_persons_are_listed_for_every_number_of_every_table(store: Store, ask: Ask) -> None:
    people = ("ann", "bob", "cid", "dan", "eve")
    await store.tell(*(join(who, 1 + place % 2, plan=plan) for place, (who, plan) in enumerate(zip(people, "aabcc", strict=True))))
    await store.tell(*(use(who, 2 + place % 3) for place, who in enumerate(people)), *(join(who, 2, plan="a") for who in people[:3]))
    specs: list[JSON] = [
        {"entry": "ENTRY_FIRST_IN_RANGE"},
        {"entry": "ENTRY_FIRST_EVER", "breakdownLimit": 1, **PLAN},
        {"entry": "ENTRY_RECURRING", "mode": "MODE_ON_OR_AFTER", "breakdownLimit": 1, **PLAN},
    ]

    for spec in specs:
        asked = asking(more=spec)
        for series in (await ask(asked)).retention.series:
            for number, cohort in enumerate(series.cohorts):
                for place, count in enumerate(cohort.counts):
                    assert len(await who(store, asked, number, place, series.cell)) == count


async def test_granularity_is_not_used_but_the_range_has_the_cap_of_the_period(ask: Ask) -> None:
    year = days("2025-03-01", "2026-03-01")

    assert len(table(await ask(asking(days=year, query={"granularity": "GRANULARITY_MINUTE"}))).cohorts) == 365
    with pytest.raises(RangeTooLong) as raised:
        await ask(asking(days=year, period="PERIOD_HOUR"))
    assert (raised.value.field, raised.value.hint) == ("timeRange", "The finest period that fits is PERIOD_DAY.")
    assert "PERIOD_HOUR is at most 14 days" in raised.value.message


FREE: JSON = {"property": "plan", "values": ["free"]}
REFUSED: dict[str, tuple[JSON, type[PugError], str]] = {
    "no start": ({"insight": {"retention": {}}, "timeRange": THREE_DAYS}, MissingField, "start"),
    "long name": (asking(start={"name": "x" * 201}), TooLong, "start.name"),
    "long return": (asking(more={"return": {"name": "x" * 201}}), TooLong, "return.name"),
    "start filter": (asking(start={"filters": [FREE, {"values": ["x"]}]}), PropertyMissing, "start.filters[1].property"),
    "return filter": (asking(more={"return": {"filters": [{"values": ["x"]}]}}), PropertyMissing, "return.filters[0].property"),
    "period": (asking(period=9), InvalidArgument, "period"),
    "clock": (asking(clock=9), InvalidArgument, "clock"),
    "entry": (asking(entry=9), InvalidArgument, "entry"),
    "mode": (asking(mode=9), InvalidArgument, "mode"),
    "no period": (asking(-1), InvalidArgument, "periods"),
    "many periods": (asking(366), InvalidArgument, "periods"),
    "minimum": (asking(minimum=-1), InvalidArgument, "minimum"),
    "brackets of another mode": (asking(brackets=[1]), InvalidArgument, "brackets"),
    "periods and brackets": (asking(2, mode="MODE_BRACKETS", brackets=[1]), InvalidArgument, "periods"),
    "no brackets": (asking(0, mode="MODE_BRACKETS"), MissingField, "brackets"),
    "many brackets": (asking(0, mode="MODE_BRACKETS", brackets=[1] * 51), TooMany, "brackets"),
    "empty bracket": (asking(0, mode="MODE_BRACKETS", brackets=[1, 0]), InvalidArgument, "brackets[1]"),
    "long brackets": (asking(0, mode="MODE_BRACKETS", brackets=[300, 66]), TooMany, "brackets"),
    "many cells": (asking(breakdownLimit=101, more=PLAN), InvalidArgument, "breakdownLimit"),
    "many breakdowns": (asking(breakdowns=[{"property": "plan"}] * 6), TooMany, "breakdowns"),
    "many counts": (asking(365, days=days("2025-03-01", "2026-03-01"), more=PLAN), TooMany, "breakdownLimit"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_answered_is_refused_with_its_path_and_a_way_out(ask: Ask, name: str) -> None:
    asked, error, field = REFUSED[name]

    with pytest.raises(error) as raised:
        await ask(asked)

    assert raised.value.field == f"insight.retention.{field}"
    assert raised.value.hint


async def test_longest_question_of_all_is_answered(store: Store, ask: Ask) -> None:
    await store.tell(event("join", "ann", "2025-03-01T10:00:00Z"), use("ann", 1))

    series = table(await ask(asking(365, days=days("2025-03-01", "2026-03-01"))))

    assert (len(series.cohorts), series.cohorts[0].counts[365]) == (365, 1)


@pytest.mark.parametrize(
    ("of", "field"),
    [
        ({"cohort": "2026-03-01T10:00:00Z"}, "cohort"),
        ({}, "cohort"),
        ({"cohort": "2026-03-01T00:00:00Z", "period": 3}, "period"),
        ({"cohort": "2026-03-01T00:00:00Z", "period": -1}, "period"),
        ({"cohort": "2026-03-01T00:00:00Z", "cell": {"others": True}}, "cell"),
        ({"cohort": "2026-03-01T00:00:00Z", "cell": {"values": [{"value": "pro"}]}}, "cell"),
    ],
)
def test_persons_of_a_number_there_cannot_be_are_refused(of: JSON, field: str) -> None:
    request = ParseDict(dict(asking()), QueryRequest())

    with pytest.raises(InvalidArgument) as raised:
        retention.persons(
            request.insight.retention, ParseDict(dict(of), ListPersonsRequest.OfRetention()), scope_of(request, Project(1, "UTC"), NOW)
        )

    assert raised.value.field == f"retention.{field}"


@pytest.mark.parametrize(
    "wild", [Timestamp(seconds=2**63 - 1), Timestamp(seconds=-(2**63)), Timestamp(nanos=-1), Timestamp(nanos=2**31 - 1)]
)
def test_no_cohort_starts_at_what_is_no_time(wild: Timestamp) -> None:
    request = ParseDict(dict(asking()), QueryRequest())
    scope = scope_of(request, Project(1, "UTC"), NOW)
    wild.seconds = wild.seconds or int(scope.buckets[0].start.timestamp())

    with pytest.raises(InvalidArgument) as raised:
        retention.persons(request.insight.retention, ListPersonsRequest.OfRetention(cohort=wild), scope)

    assert raised.value.field == "retention.cohort"


async def who(store: Store, asked: JSON, cohort: int, place: int, cell: Cell | None = None) -> set[str]:
    """The ids of the persons behind a count."""
    request = ParseDict(dict(asked), QueryRequest())
    scope = scope_of(request, Project(store.project_id, "UTC"), NOW)
    of = ListPersonsRequest.OfRetention(cohort=scope.buckets[cohort].start, period=place, cell=cell)
    people = retention.persons(request.insight.retention, of, scope)
    listed = await store.clickhouse.query(sql("SELECT person FROM ({people})", people=people))
    names = await store.clickhouse.query(
        sql("SELECT DISTINCT distinct_id FROM events WHERE distinct_hash IN (SELECT person FROM ({people}))", people=people)
    )
    assert len(listed.rows) == len(names.rows)
    return {str(row[0]) for row in names.rows}
