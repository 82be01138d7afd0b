"""Where numbers go wrong first: ties, edges, clocks, calendars, values that look like others, people who turn out to be one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.person_ids import person_id
from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.insights_pb2 import QueryResponse
from story import Happening, Store, event
from tables import tell_table

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
Behind = Callable[..., Awaitable[list[str]]]
MARCH = ("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z")
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
ONE_DAY = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")


def query(kind: str, spec: JSON, days: tuple[str, str] = MARCH, **more: object) -> JSON:
    return {"insight": {kind: spec}, "timeRange": {"from": days[0], "to": days[1]}, **more}


def label(cell: Cell) -> str:
    return "(others)" if cell.others else " ".join("(absent)" if one.absent else repr(one.value) for one in cell.values)


async def funnel(ask: Ask, names: str, *, days: tuple[str, str] = MARCH, **spec: object) -> list[int]:
    steps = [{"event": {"name": name.removesuffix("?")}, "optional": name.endswith("?")} for name in names.split()]
    (line,) = (await ask(query("funnel", {"steps": steps, **spec}, days))).funnel.series
    return [step.count for step in line.steps]


async def total(ask: Ask, days: tuple[str, str] = MARCH, kind: str = "TOTAL", **more: object) -> list[float]:
    spec: JSON = {"series": [{"event": {"name": "A"}, "metric": {"kind": f"KIND_{kind}"}}]}
    return list((await ask(query("trends", spec, days, **more))).trends.series[0].values)


async def cells(ask: Ask, name: str = "plan", **spec: object) -> dict[str, float]:
    asked: JSON = {"series": [{"event": {"name": ""}}], "breakdowns": [{"property": name}], **spec}
    return {label(row.cell): row.value for row in (await ask(query("segmentation", asked))).segmentation.rows}


async def passing(ask: Ask, *values: object, op: str = "IS", name: str = "plan") -> float:
    """How many events pass a filter."""
    only = {"property": name, "op": f"OP_{op}", "values": values}
    (row,) = (await ask(query("segmentation", {"series": [{"event": {"filters": [only]}}]}))).segmentation.rows
    return row.value


class TestTies:
    @pytest.mark.parametrize("ids", [("1", "2", "3"), ("3", "2", "1"), ("2", "3", "1")])
    async def test_events_of_one_millisecond_are_in_order_either_way(self, store: Store, ask: Ask, ids: Sequence[str]) -> None:
        await store.tell(
            *(Happening(name, "ann", TEN, event_id=f"{one * 8}-0000-4000-8000-{one * 12}") for name, one in zip("ABC", ids, strict=True))
        )

        assert await funnel(ask, "A B C") == [1, 1, 1]
        assert await funnel(ask, "C B A") == [1, 1, 1]
        assert await funnel(ask, "B B") == [1, 0]
        assert await funnel(ask, "A B C", order="ORDER_ANY_ORDER") == [1, 1, 1]

    async def test_retention_counts_what_comes_with_the_start_in_its_own_period(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-03-01T10:00 A\nann 2026-03-01T10:00 A")

        (table,) = (await ask(query("retention", {"start": {"name": "A"}, "periods": 1}, ONE_DAY))).retention.series

        assert list(table.cohorts[0].counts) == [1, 0]


class TestEdgesOfTheRange:
    async def test_from_is_in_and_to_is_not(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            before 2026-02-28T23:59:59.999 A
            first  2026-03-01T00:00 A
            last   2026-03-01T23:59:59.999 A
            after  2026-03-02T00:00 A
            """,
        )

        assert await total(ask, ONE_DAY) == [2]
        assert (await ask(query("stickiness", {"event": {"name": "A"}}, ONE_DAY))).stickiness.counts == [2]
        assert await funnel(ask, "A A", days=ONE_DAY) == [2, 0]
        assert [row.metric for row in (await ask(query("topK", {}, ONE_DAY))).top_k.rows] == [2]
        (row,) = (await ask(query("sessions", {"as": "AS_SEGMENTATION"}, ONE_DAY))).segmentation.rows
        assert row.value == 2
        (table,) = (await ask(query("retention", {"start": {"name": "A"}, "periods": 1}, ONE_DAY))).retention.series
        assert table.cohorts[0].size == 2
        assert sum(node.value for node in (await ask(query("flow", {}, ONE_DAY))).flow.nodes) == 2
        found = (await ask(query("lifecycle", {"event": {"name": "A"}}, ONE_DAY))).lifecycle
        assert (list(found.new), list(found.dormant)) == ([2], [-1])

    async def test_finer_bound_than_a_millisecond_is_kept_exactly(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-03-01T10:00:00.000 A\nann 2026-03-01T10:00:00.001 A")

        assert await total(ask, ("2026-03-01T10:00:00.000000001Z", "2026-03-02T00:00:00Z")) == [1]
        assert await total(ask, ("2026-03-01T00:00:00Z", "2026-03-01T10:00:00.000000001Z")) == [1]

    async def test_window_reaches_past_the_end_to_its_last_millisecond(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            ann 2026-03-01T23:59:59.999 A
            ann 2026-03-02T00:59:59.999 B
            bob 2026-03-01T23:59:59.999 A
            bob 2026-03-02T01:00:00.000 B
            """,
        )

        assert await funnel(ask, "A B", days=ONE_DAY, window="3600s") == [2, 1]


class TestClocks:
    async def test_quarter_hour_zones_cut_days_and_hours_where_their_clocks_do(self, store: Store, ask: Ask) -> None:
        # Kathmandu is 5:45 ahead.
        await tell_table(store, "ann 2026-03-01T18:14:59.999 A\nbob 2026-03-01T18:15 A")
        nepal = {"timeZone": "Asia/Kathmandu"}

        assert await total(ask, ("2026-02-28T18:15:00Z", "2026-03-02T18:15:00Z"), **nepal) == [1, 1]
        hours = await total(ask, ("2026-03-01T17:15:00Z", "2026-03-01T19:15:00Z"), **nepal, granularity="GRANULARITY_HOUR")
        assert hours == [1, 1]

    @pytest.mark.parametrize(
        ("zone", "days", "hours"),
        [
            ("Europe/Berlin", ("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"), 25),
            ("Europe/Berlin", ("2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"), 23),
            # Half an hour back: the hour from 1:30 to 2:00 comes twice.
            ("Australia/Lord_Howe", ("2025-04-05T13:00:00Z", "2025-04-06T13:30:00Z"), 25),
        ],
    )
    async def test_day_the_clocks_change_is_one_bucket_and_loses_no_hour(
        self, store: Store, ask: Ask, zone: str, days: tuple[str, str], hours: int
    ) -> None:
        start, end = (datetime.fromisoformat(day) for day in days)
        half_hours = [start + step * timedelta(minutes=30) for step in range(int((end - start) / timedelta(minutes=30)))]
        await store.tell(*(event("A", "ann", moment.isoformat()) for moment in half_hours))

        by_hour = await total(ask, days, timeZone=zone, granularity="GRANULARITY_HOUR")

        assert await total(ask, days, timeZone=zone) == [len(half_hours)]
        assert (len(by_hour), sum(by_hour)) == (hours, len(half_hours))
        assert (await ask(query("stickiness", {"event": {"name": "A"}}, days, timeZone=zone))).stickiness.counts == [1]

    async def test_next_day_is_the_next_on_the_calendar_when_one_has_23_hours(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-03-01T12:00 B\nann 2025-03-29T22:30 A\nann 2025-03-30T22:15 A")
        # 23:30 on the 29th, 0:15 on the 31st: by the calendar two days, by the clock less than 24 hours.
        days = ("2025-03-28T23:00:00Z", "2025-03-29T23:00:00Z")

        (table,) = (await ask(query("retention", {"start": {"name": "A"}, "periods": 2}, days, timeZone="Europe/Berlin"))).retention.series

        assert list(table.cohorts[0].counts) == [1, 0, 1]


class TestCalendars:
    async def test_months_are_of_their_own_length(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "\n".join(f"ann {day}T12:00 A" for day in ("2025-12-31", "2026-01-31", "2026-02-28", "2026-03-01")))

        months = await total(ask, ("2025-12-01T00:00:00Z", "2026-04-01T00:00:00Z"), granularity="GRANULARITY_MONTH")

        assert months == [1, 1, 1, 1]

    async def test_month_after_january_31_is_february(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-01-31T12:00 A\nann 2026-02-28T12:00 A\nann 2026-03-01T12:00 A")
        january = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
        spec: JSON = {"start": {"name": "A"}, "period": "PERIOD_MONTH", "periods": 2}

        (table,) = (await ask(query("retention", spec, january))).retention.series

        assert list(table.cohorts[0].counts) == [1, 1, 1]

    async def test_year_of_53_weeks_has_them_all(self, store: Store, ask: Ask) -> None:
        # 2020: its week 53 goes from December 28 to January 3.
        await tell_table(store, "ann 2020-12-28T00:00 A\nann 2021-01-01T12:00 A\nann 2021-01-03T23:59:59.999 A\nann 2021-01-04T00:00 A")

        weeks = await total(ask, ("2019-12-30T00:00:00Z", "2021-01-11T00:00:00Z"), granularity="GRANULARITY_WEEK")

        assert (len(weeks), weeks[-2:]) == (54, [3, 1])

    async def test_leap_day(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2024-02-29T12:00 A\nann 2025-02-28T12:00 A")

        assert await total(ask, ("2024-02-28T00:00:00Z", "2024-03-02T00:00:00Z")) == [0, 1, 0]
        year = ("2025-02-28T00:00:00Z", "2025-03-01T00:00:00Z")
        spec: JSON = {"series": [{"event": {"name": "A"}}]}
        (row,) = (await ask(query("segmentation", spec, year, compare={"offset": f"{365 * 86_400}s"}))).segmentation.rows
        # 365 days before February 28, 2025.
        assert (row.value, row.compare_value) == (1, 1)


class TestPeople:
    async def test_people_merged_in_the_middle_of_a_funnel_are_one(self, store: Store, ask: Ask, behind: Behind) -> None:
        await tell_table(
            store,
            """
            phone  2026-03-01T10:00 A
            laptop 2026-03-01T10:05 B
            ann    2026-03-01T10:10 C
            """,
        )
        apart = [await funnel(ask, "A B C"), await funnel(ask, "A B C", order="ORDER_STRICT")]

        await store.know(1, {"phone": "ann", "laptop": "ann"})
        merged = [await funnel(ask, "A B C"), await funnel(ask, "A B C", order="ORDER_STRICT")]
        steps = {"steps": [{"event": {"name": name}} for name in "ABC"]}
        listed = await behind(query("funnel", steps), funnel={"step": 3})
        await store.know(2, {"laptop": "laptop"})
        parted = await funnel(ask, "A B C")

        assert (apart, merged, parted) == ([[1, 0, 0]] * 2, [[1, 1, 1]] * 2, [1, 0, 0])
        assert listed == [person_id("ann")]

    async def test_merged_with_somebody_older_is_not_new_any_more(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "old 2025-01-01T10:00 A\nyoung 2026-03-01T10:00 A")
        asked = query("lifecycle", {"event": {"name": "A"}}, ONE_DAY)
        first_ever: JSON = {"start": {"name": "A"}, "entry": "ENTRY_FIRST_EVER", "periods": 1}

        before = (await ask(asked)).lifecycle
        await store.know(1, {"young": "old"})
        after = (await ask(asked)).lifecycle

        assert (list(before.new), list(before.resurrecting)) == ([1], [0])
        assert (list(after.new), list(after.resurrecting)) == ([0], [1])
        assert (await ask(query("retention", first_ever, ONE_DAY))).retention.series[0].cohorts[0].size == 0


class TestSteps:
    async def test_event_that_matches_two_steps_fills_one(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-03-01T10:00 A plan=pro\nbob 2026-03-01T10:00 A plan=pro\nbob 2026-03-01T10:01 A")
        pro = {"event": {"name": "A", "filters": [{"property": "plan", "values": ["pro"]}]}}
        spec: JSON = {"steps": [pro, {"event": {"name": "A"}}]}

        for order in ("ORDERED", "STRICT", "ANY_ORDER"):
            (line,) = (await ask(query("funnel", {**spec, "order": f"ORDER_{order}"}))).funnel.series
            assert [step.count for step in line.steps] == [2, 1]

    async def test_optional_step_left_out_costs_nothing(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            all   2026-03-01T10:00 A
            all   2026-03-01T10:01 B
            all   2026-03-01T10:02 C
            skips 2026-03-01T10:00 A
            skips 2026-03-01T10:02 C
            late  2026-03-01T10:00 A
            late  2026-03-01T10:02 C
            late  2026-03-01T10:03 B
            """,
        )

        assert await funnel(ask, "A B? C") == [3, 1, 3]
        assert await funnel(ask, "A B? C", order="ORDER_STRICT") == [3, 1, 3]
        # All optional steps left out, and one of two equal ones.
        assert await funnel(ask, "A B? B? C") == [3, 1, 0, 3]

    async def test_window_of_each_step_begins_anew_behind_an_optional_one(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            with    2026-03-01T10:00 A
            with    2026-03-01T11:00 B
            with    2026-03-01T12:00 C
            without 2026-03-01T10:00 A
            without 2026-03-01T12:00 C
            """,
        )

        assert await funnel(ask, "A B? C", window="3600s", windowScope="WINDOW_SCOPE_PER_STEP") == [2, 1, 1]

    async def test_held_value_that_is_empty_is_one_and_an_absent_one_is_none(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            empty  2026-03-01T10:00 A item=""
            empty  2026-03-01T10:01 B item=""
            absent 2026-03-01T10:00 A
            absent 2026-03-01T10:01 B
            null   2026-03-01T10:00 A item=null
            null   2026-03-01T10:01 B item=null
            word   2026-03-01T10:00 A item="null"
            word   2026-03-01T10:01 B item="null"
            number 2026-03-01T10:00 A item=1
            number 2026-03-01T10:01 B item="1"
            """,
        )

        assert await funnel(ask, "A B", holdConstant=["item"]) == [3, 3]

    async def test_excluded_event_in_the_millisecond_of_a_step(self, store: Store, ask: Ask) -> None:
        """It lies in between only if it comes after all that was used, by its id, and before the next step."""
        ids = {name: f"{place}0000000-0000-4000-8000-000000000000" for place, name in enumerate("AXBY", 1)}
        await store.tell(*(Happening(name, "ann", TEN, event_id=one) for name, one in ids.items()))

        for name, counts in (("X", [0, 0]), ("Y", [1, 1])):
            assert await funnel(ask, "A B", exclusions=[{"event": {"name": name}}]) == counts


class TestValues:
    async def test_values_that_look_like_labels_are_values(self, store: Store, ask: Ask) -> None:
        words = ["others", "Others", "$others", "", "null", "NULL", "None", "(absent)", "undefined", "true", "0"]
        await store.tell(*(event("A", plan=word) for word in words), event("A"), event("A", plan=None))

        found = await cells(ask, breakdownLimit=100)

        assert found == {**{repr(word): 1 for word in words}, "(absent)": 2}
        assert await cells(ask, breakdownLimit=1) == {"(absent)": 2, "(others)": len(words)}
        for word in words:
            assert await passing(ask, word) == 1

    async def test_number_is_the_same_however_it_is_written(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event("A", plan=one) for one in (1, 1.0, "1", "1.0", "01", " 1", "1e0", True)))

        assert await passing(ask, 1) == 6
        assert await passing(ask, "1") == 3
        assert await passing(ask, "1.0") == 1
        assert await passing(ask, True) == 1
        assert await passing(ask, 0, op="GT") == 6
        assert await cells(ask) == {"'1'": 3, "' 1'": 1, "'01'": 1, "'1.0'": 1, "'1e0'": 1, "'true'": 1}

    async def test_large_and_small_numbers(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event("A", plan=one) for one in (2**53, 2**53 + 1, 1e300, -0.0, 0, 1e-7)))

        assert await passing(ask, 0) == 2
        assert await passing(ask, 1e300) == 1
        assert await passing(ask, 1e-7) == 1
        assert sum((await cells(ask)).values()) == 6
        for text in await cells(ask):
            assert await passing(ask, text.strip("'")) == (await cells(ask))[text]

    async def test_strings_that_look_like_times_stay_strings(self, store: Store, ask: Ask) -> None:
        words = [
            "2026-03-01",
            "2026-03-01T10:00:00Z",
            "10:00",
            "2026-03-01 10:00:00",
            "127.0.0.1",
            "00000000-0000-0000-0000-000000000000",
            "1_000",
            "0x10",
            "inf",
            "nan",
        ]
        await store.tell(*(event("A", plan=word) for word in words))

        assert await cells(ask, breakdownLimit=100) == {repr(word): 1 for word in words}
        for word in words:
            assert await passing(ask, word) == 1
        assert await passing(ask, -1e308, op="GT") == 0

    async def test_case_matters_to_is_and_not_to_contains(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event("A", plan=one) for one in ("Größe", "GRÖSSE", "größe", "ÉCOLE", "école", "日本", "🎉a🎉", "e\u0301cole")))

        assert await passing(ask, "größe") == 1
        assert await passing(ask, "GRÖß", op="CONTAINS") == 2
        assert await passing(ask, "éco", op="CONTAINS") == 2
        assert await passing(ask, "Éco", op="STARTS_WITH") == 0
        assert await passing(ask, "🎉", op="CONTAINS") == 1
        assert await passing(ask, "本", op="ENDS_WITH") == 1
        assert len(await cells(ask)) == 8

    async def test_signs_of_patterns_and_sql_are_signs(self, store: Store, ask: Ask) -> None:
        words = ["100%", "100x", "a_b", "axb", "it's", 'say "hi"', "back\\slash", "tab\there", "line\nbreak", "{hole}", "?", "*", "/a*"]
        await store.tell(*(event("A", plan=word) for word in words))

        assert await cells(ask, breakdownLimit=100) == {repr(word): 1 for word in words}
        for word in words:
            assert await passing(ask, word) == 1
        assert await passing(ask, "0%", op="CONTAINS") == 1
        assert await passing(ask, "a_", op="STARTS_WITH") == 1

    async def test_star_alone_stands_for_any_characters_in_groups_of_a_flow(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event("A", who, plan=who) for who in ("100%", "100x", "a_b", "axb", "/a*", "/a/b", "a\\b")))
        patterns = {"100%": "all", "a_b": "ab", "/a*": "pages", "a\\b": "back"}
        spec: JSON = {"node": "NODE_PROPERTY", "property": "plan", "groups": [{"pattern": one, "label": patterns[one]} for one in patterns]}

        found = (await ask(query("flow", spec))).flow.nodes

        assert {node.label: node.value for node in found} == {"all": 1, "100x": 1, "ab": 1, "axb": 1, "pages": 2, "back": 1}

    async def test_names_of_events_are_exact(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event(name) for name in ("A", "a", "Ä", "A ", "А")))

        assert sum(await total(ask)) == 1
        rows = (await ask(query("topK", {"limit": 10}))).top_k.rows
        assert [row.metric for row in rows] == [1] * 5

    async def test_top_rows_and_cells_that_tie_are_by_value(self, store: Store, ask: Ask) -> None:
        await store.tell(*(event("A", plan=word) for word in ("b", "a", "c", "B", "é")), event("A"))

        asked: JSON = {"dimension": "DIMENSION_PROPERTY", "property": "plan", "limit": 3}
        rows = (await ask(query("topK", asked))).top_k.rows

        assert [(row.value, row.others, row.metric) for row in rows] == [("B", False, 1), ("a", False, 1), ("b", False, 1), ("", True, 3)]
        assert list(await cells(ask, breakdownLimit=2)) == ["'B'", "'a'", "(others)"]
