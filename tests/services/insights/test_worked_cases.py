"""Rules and examples that the public pages of other products give, as stories: what happened, what is asked, what comes out.

Where they disagree among each other the design decides, and the comment says who counts otherwise.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from pug.insights.v1.breakdown_pb2 import Cell
from pug.insights.v1.funnel_pb2 import FunnelResult
from pug.insights.v1.insights_pb2 import QueryResponse
from pug.insights.v1.retention_pb2 import RetentionResult
from story import Store
from tables import tell_table

JSON = Mapping[str, object]
Ask = Callable[[JSON], Awaitable[QueryResponse]]
MARCH = ("2026-03-01", "2026-03-10")


def query(kind: str, spec: JSON, days: tuple[str, str] = MARCH, **more: object) -> JSON:
    start, end = (day if "T" in day else f"{day}T00:00:00Z" for day in days)
    return {"insight": {kind: spec}, "timeRange": {"from": start, "to": end}, **more}


def steps(names: str) -> list[JSON]:
    return [{"event": {"name": name}} for name in names.split()]


def label(cell: Cell) -> str:
    return "others" if cell.others else " ".join("(absent)" if one.absent else one.value for one in cell.values)


async def funnel(ask: Ask, names: str, *, days: tuple[str, str] = MARCH, **spec: object) -> list[int]:
    (line,) = await funnels(ask, names, days, **spec)
    return [step.count for step in line.steps]


async def funnels(ask: Ask, names: str, days: tuple[str, str] = MARCH, **spec: object) -> Sequence[FunnelResult.Series]:
    return (await ask(query("funnel", {"steps": steps(names), **spec}, days))).funnel.series


async def retention(ask: Ask, spec: JSON, days: tuple[str, str] = MARCH) -> RetentionResult.Series:
    (table,) = (await ask(query("retention", {"start": {"name": "A"}, **spec}, days))).retention.series
    return table


async def trends(ask: Ask, spec: JSON, days: tuple[str, str] = MARCH, **more: object) -> dict[str, list[float]]:
    found = (await ask(query("trends", spec, days, **more))).trends.series
    return {f"{one.series} {label(one.cell)}".strip(): list(one.values) for one in found}


def series(name: str, kind: str = "TOTAL", **metric: object) -> JSON:
    return {"event": {"name": name}, "metric": {"kind": f"KIND_{kind}", **metric}}


class TestFunnelOrders:
    # docs.mixpanel.com/docs/reports/funnels (loose ordering): other events may lie between; a step left out ends the funnel there.
    # amplitude.com/docs/analytics/charts/funnel-analysis/funnel-analysis-how-amplitude-computes (this order, exact order, any order).
    PEOPLE = """
        exact  2026-03-01T10:00 A
        exact  2026-03-01T10:01 B
        exact  2026-03-01T10:02 C
        loose  2026-03-01T10:00 A
        loose  2026-03-01T10:01 F
        loose  2026-03-01T10:02 B
        loose  2026-03-01T10:03 C
        skips  2026-03-01T10:00 A
        skips  2026-03-01T10:01 C
        turned 2026-03-01T10:00 C
        turned 2026-03-01T10:01 B
        turned 2026-03-01T10:02 A
        """

    async def test_ordered_lets_other_events_lie_between_the_steps(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.PEOPLE)

        assert await funnel(ask, "A B C") == [4, 2, 2]

    async def test_strict_does_not(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.PEOPLE)

        assert await funnel(ask, "A B C", order="ORDER_STRICT") == [4, 1, 1]

    async def test_any_order_counts_how_many_of_the_steps_were_done(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.PEOPLE)

        assert await funnel(ask, "A B C", order="ORDER_ANY_ORDER") == [4, 4, 3]


class TestRepeatedSteps:
    async def test_a_step_may_come_twice_and_takes_two_events(self, store: Store, ask: Ask) -> None:
        # amplitude.com, "how Amplitude computes funnels": of A → A → B whoever did A at least twice, and B later, is converted.
        await tell_table(
            store,
            """
            once  2026-03-01T10:00 A
            once  2026-03-01T10:05 B
            twice 2026-03-01T10:00 A
            twice 2026-03-01T10:01 A
            twice 2026-03-01T10:05 B
            """,
        )

        assert await funnel(ask, "A A B") == [2, 1, 1]

    async def test_three_equal_steps_take_three_events(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "\n".join(f"p{times} 2026-03-01T10:0{one} A" for times in (1, 2, 3, 4) for one in range(times)))

        assert await funnel(ask, "A A A") == [4, 3, 2]
        assert await funnel(ask, "A A A", order="ORDER_STRICT") == [4, 3, 2]
        assert await funnel(ask, "A A A", order="ORDER_ANY_ORDER") == [4, 3, 2]

    async def test_four_searches_and_one_cart_are_one_conversion(self, store: Store, ask: Ask) -> None:
        # amplitude.com, "how Amplitude computes funnels": search ×4 → add to cart is one conversion; as totals, too.
        await tell_table(store, "\n".join([*(f"ann 2026-03-01T10:0{one} search" for one in range(4)), "ann 2026-03-01T10:05 cart"]))

        assert await funnel(ask, "search cart") == [1, 1]
        assert await funnel(ask, "search cart", countBy="COUNT_BY_TOTALS") == [1, 1]


class TestFunnelWindow:
    # docs.mixpanel.com/docs/reports/funnels/funnels-advanced: A 13:00, A 13:30, B 13:45, C 14:15, an hour's window. There the first A alone
    # counts by default, which gets to B; with "optimized re-entry", as here, the second A makes it to C.
    REENTRY = """
        ann 2026-03-01T13:00 A
        ann 2026-03-01T13:30 A
        ann 2026-03-01T13:45 B
        ann 2026-03-01T14:15 C
        """

    async def test_best_attempt_counts_though_an_earlier_one_runs_out(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.REENTRY)

        assert await funnel(ask, "A B C", window="3600s") == [1, 1, 1]
        # With the first A alone.
        assert await funnel(ask, "A B C", window="3600s", days=("2026-03-01", "2026-03-01T13:30:00Z")) == [1, 1, 0]

    async def test_totals_start_again_only_after_the_attempt_before(self, store: Store, ask: Ask) -> None:
        # Same page, totals: who is in the funnel enters again after the window has run out, after the last step, or after an exclusion.
        await tell_table(store, self.REENTRY)

        assert await funnel(ask, "A B C", window="3600s", countBy="COUNT_BY_TOTALS") == [1, 1, 0]

    async def test_end_of_the_window_belongs_to_it(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            just 2026-03-01T10:00:00 A
            just 2026-03-01T11:00:00 B
            late 2026-03-01T10:00:00 A
            late 2026-03-01T11:00:00.001 B
            """,
        )

        assert await funnel(ask, "A B", window="3600s") == [2, 1]

    async def test_window_for_each_step_begins_with_the_step_before(self, store: Store, ask: Ask) -> None:
        # docs.statsig.com/statsig-warehouse-native/metrics/funnel: completion windows per step.
        await tell_table(
            store,
            """
            ann 2026-03-01T10:00 A
            ann 2026-03-01T11:00 B
            ann 2026-03-01T12:00 C
            bob 2026-03-01T10:00 A
            bob 2026-03-01T11:00 B
            bob 2026-03-01T12:01 C
            """,
        )

        assert await funnel(ask, "A B C", window="3600s", windowScope="WINDOW_SCOPE_PER_STEP") == [2, 2, 1]
        assert await funnel(ask, "A B C", window="3600s") == [2, 2, 0]

    async def test_first_step_has_to_lie_in_the_range_and_no_other(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/faq/funnel-analysis: the first step in the selected dates, the others within the conversion window.
        await tell_table(
            store,
            """
            before 2026-02-28T23:59:59.999 A
            before 2026-03-01T10:00 B
            inside 2026-03-04T23:59:59.999 A
            inside 2026-03-05T10:00 B
            after  2026-03-05T00:00 A
            after  2026-03-05T10:00 B
            """,
        )

        assert await funnel(ask, "A B", days=("2026-03-01", "2026-03-05")) == [1, 1]


class TestFunnelTotals:
    async def test_each_entry_is_counted_in_its_own_bucket(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/faq/funnel-analysis: step 1 on January 1, 5 and 20, step 2 on January 2 and 6: converted on the whole, and over
        # time on the 1st and 5th, but not on the 20th.
        await tell_table(
            store,
            """
            ann 2026-01-01T12:00 A
            ann 2026-01-02T12:00 B
            ann 2026-01-05T12:00 A
            ann 2026-01-06T12:00 B
            ann 2026-01-20T12:00 A
            """,
        )
        january = ("2026-01-01", "2026-02-01")

        assert await funnel(ask, "A B", days=january) == [1, 1]
        (line,) = await funnels(ask, "A B", january, countBy="COUNT_BY_TOTALS", trend=True)
        assert {entry.start.ToDatetime().day: (entry.entered, entry.converted) for entry in line.trend if entry.entered} == {
            1: (1, 1),
            5: (1, 1),
            20: (1, 0),
        }

    async def test_shares_are_of_the_first_step_and_of_the_step_before(self, store: Store, ask: Ask) -> None:
        # heapanalytics.com/docs/funnel: 340 viewed, 208 entered their address, 191 signed up: 56.18 % in all, 91.83 % of the last step.
        people = [f"p{one} 2026-03-01T10:0{step} {name}" for step, (name, many) in enumerate(SIGN_UP.items()) for one in range(many)]
        await tell_table(store, "\n".join(people))

        (line,) = await funnels(ask, " ".join(SIGN_UP))

        assert [step.count for step in line.steps] == [340, 208, 191]
        assert [round(step.from_first, 4) for step in line.steps] == [1, 0.6118, 0.5618]
        assert [round(step.from_previous, 4) for step in line.steps] == [1, 0.6118, 0.9183]


SIGN_UP = {"view": 340, "email": 208, "sign_up": 191}


class TestExclusions:
    # docs.mixpanel.com/docs/reports/funnels/funnels-advanced: whoever does the excluded event between the two steps leaves the funnel.
    PEOPLE = """
        clean  2026-03-01T10:00 A
        clean  2026-03-01T10:01 B
        clean  2026-03-01T10:02 C
        early  2026-03-01T10:00 A
        early  2026-03-01T10:01 X
        early  2026-03-01T10:02 B
        early  2026-03-01T10:03 C
        late   2026-03-01T10:00 A
        late   2026-03-01T10:01 B
        late   2026-03-01T10:02 X
        late   2026-03-01T10:03 C
        before 2026-03-01T10:00 X
        before 2026-03-01T10:01 A
        before 2026-03-01T10:02 B
        before 2026-03-01T10:03 C
        before 2026-03-01T10:04 X
        """

    @pytest.mark.parametrize(
        ("between", "effect", "counts"),
        [
            ((1, 3), "DROP_PERSON", [2, 2, 2]),
            ((1, 3), "CUT_THERE", [4, 3, 2]),
            ((1, 2), "DROP_PERSON", [3, 3, 3]),
            ((1, 2), "CUT_THERE", [4, 3, 3]),
            ((2, 3), "DROP_PERSON", [3, 3, 3]),
            ((2, 3), "CUT_THERE", [4, 4, 3]),
        ],
    )
    async def test_excluded_between_two_steps_and_nowhere_else(
        self, store: Store, ask: Ask, between: tuple[int, int], effect: str, counts: list[int]
    ) -> None:
        await tell_table(store, self.PEOPLE)

        exclusion: JSON = {"event": {"name": "X"}, "fromStep": between[0], "toStep": between[1], "effect": f"EFFECT_{effect}"}

        assert await funnel(ask, "A B C", exclusions=[exclusion]) == counts

    async def test_after_an_exclusion_totals_start_again(self, store: Store, ask: Ask) -> None:
        # Same page: totals enter again once they are excluded.
        await tell_table(store, "\n".join(f"ann 2026-03-01T10:0{place} {name}" for place, name in enumerate("AXABC")))

        cut: JSON = {"event": {"name": "X"}, "effect": "EFFECT_CUT_THERE"}

        assert await funnel(ask, "A B C", exclusions=[cut], countBy="COUNT_BY_TOTALS") == [2, 1, 1]

    async def test_excluded_event_that_is_the_next_step_takes_the_attempt_there(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "\n".join(f"ann 2026-03-01T10:0{place} {name}" for place, name in enumerate("ABC")))

        of_step: JSON = {"event": {"name": "B"}, "fromStep": 1, "toStep": 2}
        beyond: JSON = {"event": {"name": "B"}, "fromStep": 1, "toStep": 3}

        # What reaches the step the exclusion leads to isn't in between; what only reaches one before it is.
        assert await funnel(ask, "A B C", exclusions=[of_step]) == [1, 1, 1]
        assert await funnel(ask, "A B C", exclusions=[beyond]) == [0, 0, 0]


class TestHoldConstant:
    async def test_steps_have_to_have_the_same_value_and_one_at_all(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/faq/funnel-analysis: counts pairs of user and value; the property must exist in all events of the funnel.
        await tell_table(
            store,
            """
            same  2026-03-01T10:00 A item=1
            same  2026-03-01T10:01 B item=1
            other 2026-03-01T10:00 A item=1
            other 2026-03-01T10:01 B item=2
            none  2026-03-01T10:00 A
            none  2026-03-01T10:01 B
            pair  2026-03-01T10:00 A item=1
            pair  2026-03-01T10:01 A item=2
            pair  2026-03-01T10:02 B item=1
            pair  2026-03-01T10:03 B item=2
            """,
        )

        assert await funnel(ask, "A B") == [4, 4]
        assert await funnel(ask, "A B", holdConstant=["item"]) == [4, 3]

    async def test_sessions_are_held_by_counting_sessions(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            ann 2026-03-01T10:00 A session=s1
            ann 2026-03-01T10:01 B session=s1
            ann 2026-03-01T12:00 A session=s2
            ann 2026-03-01T13:00 B session=s3
            """,
        )

        assert await funnel(ask, "A B", countBy="COUNT_BY_SESSIONS") == [2, 1]


class TestAttribution:
    # docs.mixpanel.com/docs/reports/funnels/funnels-breakdowns-and-filters: "first step defined" is the first time there is a value, not
    # the first step; each other attribution names a step.
    STORY = """
        ann 2026-03-01T10:00 A
        ann 2026-03-01T10:01 B color=blue
        ann 2026-03-01T10:02 C color=red
        bob 2026-03-01T10:00 A color=red
        bob 2026-03-01T10:01 B
        bob 2026-03-01T10:02 C color=red
        cid 2026-03-01T10:00 A color=blue
        """

    @pytest.mark.parametrize(
        ("attribution", "expected"),
        [
            ({"attribution": "ATTRIBUTION_FIRST_TOUCH"}, {"blue": [2, 1, 1], "red": [1, 1, 1]}),
            ({"attribution": "ATTRIBUTION_LAST_TOUCH"}, {"red": [2, 2, 2], "blue": [1, 0, 0]}),
            ({"attribution": "ATTRIBUTION_STEP", "attributionStep": 1}, {"(absent)": [1, 1, 1], "blue": [1, 0, 0], "red": [1, 1, 1]}),
            ({"attribution": "ATTRIBUTION_STEP", "attributionStep": 3}, {"red": [2, 2, 2]}),
            ({"attribution": "ATTRIBUTION_ALL_STEPS"}, {"(absent)": [1, 0, 0], "blue": [1, 0, 0], "red": [1, 0, 0]}),
        ],
    )
    async def test_whose_value_counts(self, store: Store, ask: Ask, attribution: JSON, expected: dict[str, list[int]]) -> None:
        await tell_table(store, self.STORY)

        found = await funnels(ask, "A B C", MARCH, breakdowns=[{"property": "color"}], **attribution)

        assert {label(one.cell): [step.count for step in one.steps] for one in found} == expected


class TestRetention:
    async def test_next_calendar_day_is_less_than_a_day_later(self, store: Store, ask: Ask) -> None:
        # help.mixpanel.com, "Advanced Retention": Monday 20:00 and Tuesday 6:00 is day 1 by the calendar and not when days are 24 hours.
        await tell_table(store, "ann 2026-03-02T20:00 A\nann 2026-03-03T06:00 B")
        monday = ("2026-03-02", "2026-03-03")
        spec: JSON = {"return": {"name": "B"}, "periods": 2}

        (calendar,) = (await retention(ask, spec, monday)).cohorts
        (rolling,) = (await retention(ask, {**spec, "clock": "CLOCK_ROLLING"}, monday)).cohorts

        assert (list(calendar.counts), list(rolling.counts)) == ([1, 1, 0], [1, 0, 0])

    async def test_rolling_days_are_exact_to_the_millisecond(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/analytics/charts/retention-analysis/retention-analysis-time: day 1 is hour 24 to 48. There times are cut to the
        # hour, so that 17:59 and 17:00 the next day is day 1; here it is 23 hours later.
        await tell_table(
            store,
            """
            early 2025-12-01T17:59 A
            early 2025-12-02T17:00 B
            exact 2025-12-01T17:59 A
            exact 2025-12-02T17:59 B
            last  2025-12-01T17:59 A
            last  2025-12-03T17:58:59.999 B
            next  2025-12-01T17:59 A
            next  2025-12-03T17:59 B
            """,
        )
        spec: JSON = {"return": {"name": "B"}, "periods": 3, "clock": "CLOCK_ROLLING"}

        (cohort,) = (await retention(ask, spec, ("2025-12-01", "2025-12-02"))).cohorts

        assert list(cohort.counts) == [4, 2, 1, 0]

    async def test_rolling_month_is_thirty_days(self, store: Store, ask: Ask) -> None:
        # Same page: "a month is 30 days"; by the calendar January 31 to February 1 is the next month.
        await tell_table(store, "ann 2026-01-31T12:00 A\nann 2026-02-01T12:00 B\nbob 2026-01-01T12:00 A\nbob 2026-01-31T12:00 B")
        january = ("2026-01-01", "2026-02-01")
        spec: JSON = {"period": "PERIOD_MONTH", "periods": 1, "return": {"name": "B"}}

        (calendar,) = (await retention(ask, spec, january)).cohorts
        (rolling,) = (await retention(ask, {**spec, "clock": "CLOCK_ROLLING"}, january)).cohorts

        assert (list(calendar.counts), list(rolling.counts)) == ([2, 1], [2, 1])

    async def test_on_or_after_counts_in_all_periods_before(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/faq/retention-analysis: who triggers the event on day 2 is in the points before it, too.
        await tell_table(store, "ann 2026-03-01T12:00 A\nann 2026-03-03T12:00 B\nbob 2026-03-01T12:00 A")
        first = ("2026-03-01", "2026-03-02")
        spec: JSON = {"periods": 3, "return": {"name": "B"}}

        (on,) = (await retention(ask, spec, first)).cohorts
        (after,) = (await retention(ask, {**spec, "mode": "MODE_ON_OR_AFTER"}, first)).cohorts

        assert (list(on.counts), list(after.counts)) == ([2, 0, 1, 0], [2, 1, 1, 0])

    async def test_brackets_join_periods(self, store: Store, ask: Ask) -> None:
        # amplitude.com, "Retention Analysis", return on (custom): days 1–2 and 3–6 as one number each, each person once.
        await tell_table(store, "\n".join([f"{who} 2026-03-01T12:00 A" for who in ("ann", "bob", "cid")] + BACK))
        spec: JSON = {"mode": "MODE_BRACKETS", "brackets": [2, 4], "return": {"name": "B"}}

        (cohort,) = (await retention(ask, spec, ("2026-03-01", "2026-03-02"))).cohorts

        assert list(cohort.counts) == [3, 2, 1]

    async def test_recurring_enters_every_period_and_first_time_only_one(self, store: Store, ask: Ask) -> None:
        # developer.mixpanel.com/reference/retention-query: "first time" (birth) and "recurring" (compounded).
        await tell_table(store, "\n".join(f"ann 2026-03-0{day}T12:00 A" for day in (1, 2, 4)) + "\nann 2026-02-20T12:00 A")

        async def counts(entry: str) -> list[list[int]]:
            table = await retention(ask, {"periods": 2, "entry": f"ENTRY_{entry}"}, ("2026-03-01", "2026-03-05"))
            return [list(cohort.counts) for cohort in table.cohorts]

        assert await counts("FIRST_IN_RANGE") == [[1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
        assert await counts("FIRST_EVER") == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
        assert await counts("RECURRING") == [[1, 1, 0], [1, 0, 1], [0, 0, 0], [1, 0, 0]]

    async def test_periods_to_come_are_missing_and_the_mean_is_of_complete_ones(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/faq/retention-analysis: a weighted average, over the users who have reached that point in time.
        await tell_table(
            store,
            """
            ann 2026-03-08T12:00 A
            ann 2026-03-09T12:00 A
            bob 2026-03-09T12:00 A
            bob 2026-03-10T11:00 A
            cid 2026-03-08T12:00 A
            """,
        )

        # Asked on March 10 at noon.
        table = await retention(ask, {"periods": 3}, ("2026-03-08", "2026-03-10"))

        assert [(cohort.size, list(cohort.counts), cohort.complete) for cohort in table.cohorts] == [
            (2, [2, 1, 0], 2),
            (1, [1, 1], 1),
        ]
        assert list(table.mean) == [1, 0.5]


BACK = ["ann 2026-03-02T12:00 B", "ann 2026-03-03T12:00 B", "bob 2026-03-03T12:00 B", "bob 2026-03-07T12:00 B", "cid 2026-03-09T12:00 B"]


class TestStickinessAndLifecycle:
    async def test_exact_and_at_least(self, store: Store, ask: Ask) -> None:
        # amplitude.com/docs/analytics/charts/stickiness/stickiness-interpret: on exactly two days, or on two days or more.
        days = {"one": (1,), "two": (1, 3), "three": (1, 3, 5), "often": (2,)}
        lines = [f"{who} 2026-03-0{day}T12:0{again} A" for who, on in days.items() for day in on for again in (0, 1)]
        await tell_table(store, "\n".join(lines))

        async def counts(mode: str) -> list[int]:
            asked = query("stickiness", {"event": {"name": "A"}, "mode": f"MODE_{mode}"}, ("2026-03-01", "2026-03-06"))
            return list((await ask(asked)).stickiness.counts)

        assert await counts("EXACT") == [2, 1, 1, 0, 0]
        assert await counts("CUMULATIVE") == [4, 2, 1, 0, 0]

    async def test_new_returning_resurrecting_and_dormant(self, store: Store, ask: Ask) -> None:
        # posthog.com/docs/product-analytics/lifecycle and amplitude.com/docs/analytics/charts/lifecycle: active on January 1 and not on the
        # 2nd is dormant on the 2nd; active on both is returning; active again after a pause is resurrecting. New is by the first event of
        # that kind, as in the former; the latter has it by the first event of any kind.
        await tell_table(
            store,
            """
            stays 2026-01-01T12:00 A
            stays 2026-01-02T12:00 A
            goes  2026-01-01T12:00 A
            goes  2026-01-04T12:00 A
            old   2025-11-01T12:00 A
            old   2026-01-02T12:00 A
            else  2026-01-01T12:00 B
            else  2026-01-02T12:00 A
            """,
        )

        asked = query("lifecycle", {"event": {"name": "A"}}, ("2026-01-01", "2026-01-05"))
        found = (await ask(asked)).lifecycle

        assert list(found.new) == [2, 1, 0, 0]
        assert list(found.returning) == [0, 1, 0, 0]
        assert list(found.resurrecting) == [0, 1, 0, 1]
        assert list(found.dormant) == [0, -1, -3, 0]


class TestSessions:
    async def test_pause_of_29_minutes_goes_on_and_one_of_31_begins_anew(self, store: Store, ask: Ask) -> None:
        # support.google.com/analytics/answer/2731565 (half-hour lunch breaks); matomo.org/faq/general/faq_36: "more than 30 minutes".
        await tell_table(
            store,
            """
            bob 2026-03-01T14:01 view
            bob 2026-03-01T14:30 view
            cid 2026-03-01T14:01 view
            cid 2026-03-01T14:32 view
            dan 2026-03-01T14:00 view
            dan 2026-03-01T14:30 view
            """,
        )

        (row,) = (await ask(query("sessions", {"as": "AS_SEGMENTATION"}))).segmentation.rows

        assert row.value == 4

    async def test_midnight_cuts_no_session(self, store: Store, ask: Ask) -> None:
        # 23:55 to 0:10: matomo.org/faq/general/faq_36 counts two visits, and so did Universal Analytics (answer/2731565); Google Analytics
        # 4 and this have one, of the day it starts.
        await tell_table(store, "ann 2026-02-11T23:55 view\nann 2026-02-12T00:10 view")

        days = ("2026-02-11", "2026-02-13")
        (line,) = (await ask(query("sessions", {}, days))).trends.series
        (length,) = (await ask(query("sessions", {"metric": "METRIC_AVG_DURATION"}, days))).trends.series

        assert (list(line.values), list(length.values)) == ([1, 0], [900, 0])

    async def test_bounce_entry_and_exit(self, store: Store, ask: Ask) -> None:
        # plausible.io/docs/metrics-definitions: bounce is a visit of one page view; entry page the first, exit page the last one viewed.
        await tell_table(
            store,
            """
            ann 2026-03-01T10:00 view page=/
            ann 2026-03-01T10:05 view page=/pricing
            bob 2026-03-01T10:00 view page=/
            cid 2026-03-01T10:00 view page=/blog
            cid 2026-03-01T10:01 click
            cid 2026-03-01T10:20 view page=/
            """,
        )

        async def rows(metric: str) -> dict[str, float]:
            spec: JSON = {"metric": f"METRIC_{metric}", "as": "AS_SEGMENTATION", "scope": {"name": "view"}}
            with_page = {**spec, "property": "page"} if metric in ("ENTRY", "EXIT") else spec
            return {label(row.cell): row.value for row in (await ask(query("sessions", with_page))).segmentation.rows}

        assert await rows("BOUNCE_RATE") == {"": pytest.approx(1 / 3)}
        assert await rows("ENTRY") == {"/": 2, "/blog": 1}
        assert await rows("EXIT") == {"/": 2, "/pricing": 1}
        assert await rows("AVG_DURATION") == {"": (300 + 0 + 1200) / 3}


class TestFlow:
    # posthog.com/docs/product-analytics/paths: numbers are distinct users; start and end points; wildcard groups.
    VISITS = """
        ann 2026-03-01T10:00 view page=/
        ann 2026-03-01T10:01 view page=/
        ann 2026-03-01T10:02 view page=/products/1
        ann 2026-03-01T10:03 view page=/cart
        bob 2026-03-01T10:00 view page=/
        bob 2026-03-01T10:01 view page=/products/2
        bob 2026-03-01T10:02 view page=/
        cid 2026-03-01T10:00 view page=/blog
        cid 2026-03-01T10:01 view page=/products/1
        cid 2026-03-01T10:02 view page=/cart
        """

    async def links(self, ask: Ask, **spec: object) -> set[tuple[str, str, int]]:
        asked = {"node": "NODE_PROPERTY", "property": "page", "groups": [{"pattern": "/products/*"}], **spec}
        found = (await ask(query("flow", asked))).flow
        names = {node.id: f"{node.hop} {'others' if node.others else node.label}" for node in found.nodes}
        return {(names[link.source], names[link.target], link.value) for link in found.links}

    async def test_wildcards_join_and_repeats_collapse(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.VISITS)

        assert await self.links(ask) == {
            ("1 /", "2 /products/*", 2),
            ("1 /blog", "2 /products/*", 1),
            ("2 /products/*", "3 /cart", 2),
            ("2 /products/*", "3 /", 1),
        }
        assert ("1 /", "2 /", 1) in await self.links(ask, keepRepeats=True)

    async def test_end_is_the_last_hop_and_what_leads_to_it_comes_before(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.VISITS)

        assert await self.links(ask, end="/cart", maxHops=3) == {
            ("1 /", "2 /products/*", 1),
            ("1 /blog", "2 /products/*", 1),
            ("2 /products/*", "3 /cart", 2),
        }

    async def test_start_shows_what_follows(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.VISITS)

        assert await self.links(ask, start="/products/*") == {("1 /products/*", "2 /cart", 2), ("1 /products/*", "2 /", 1)}

    async def test_rest_is_one_node_at_each_hop(self, store: Store, ask: Ask) -> None:
        await tell_table(store, self.VISITS)

        # `/` and `/products/*` are passed three times each, and `/` comes first.
        assert await self.links(ask, maxNodes=1) == {
            ("1 /", "2 others", 2),
            ("1 others", "2 others", 1),
            ("2 others", "3 others", 2),
            ("2 others", "3 /", 1),
        }


class TestTrends:
    async def test_monthly_actives_are_of_the_thirty_days_that_end_with_the_day(self, store: Store, ask: Ask) -> None:
        # docs.mixpanel.com/docs/reports/insights: MAU of November 1 counts from October 3 to November 1.
        await tell_table(store, "in 2025-10-03T00:00 A\nout 2025-10-02T23:59:59.999 A\nlast 2025-11-01T23:59 A")
        first = ("2025-11-01", "2025-11-03")

        assert await trends(ask, {"series": [series("A", "ACTIVE_30D")]}, first) == {"A": [2, 1]}
        assert await trends(ask, {"series": [series("A", "ACTIVE_7D")]}, first) == {"A": [1, 1]}

    async def test_daily_over_weekly_actives(self, store: Store, ask: Ask) -> None:
        # mixpanel.com/help/platform/tutorials/dau-mau: 10 on the first day and one of them on each of six more: 16 / 7 a day, 10 in the
        # week; if each of the later days has somebody else, 16 in the week.
        same = [f"p{one} 2015-04-01T12:00 A" for one in range(10)] + [f"p0 2015-04-0{day}T12:00 A" for day in range(2, 8)]
        other = [f"p{one} 2015-04-01T12:00 B" for one in range(10)] + [f"q{day} 2015-04-0{day}T12:00 B" for day in range(2, 8)]
        await tell_table(store, "\n".join(same + other))
        week = ("2015-04-01", "2015-04-08")

        daily = await trends(ask, {"series": [series("A", "PERSONS"), series("B", "PERSONS")]}, week)
        weekly = await trends(ask, {"series": [series("A", "ACTIVE_7D"), series("B", "ACTIVE_7D")]}, week)

        assert daily == {"A": [10, 1, 1, 1, 1, 1, 1], "B": [10, 1, 1, 1, 1, 1, 1]}
        assert (weekly["A"][-1], weekly["B"][-1]) == (10, 16)

    async def test_cumulative_users_are_counted_once_and_totals_add_up(self, store: Store, ask: Ask) -> None:
        # docs.mixpanel.com/docs/reports/insights, "cumulative": totals add up, users are the distinct ones so far.
        await tell_table(store, "ann 2026-03-01T10:00 A\nann 2026-03-02T10:00 A\nbob 2026-03-02T10:00 A\nann 2026-03-03T10:00 A")
        spec: JSON = {"series": [series("A"), series("A", "PERSONS")], "transform": "TRANSFORM_CUMULATIVE"}

        assert await trends(ask, spec, ("2026-03-01", "2026-03-04")) == {"A": [1, 3, 4], "B": [1, 2, 2]}

    async def test_division_by_nothing_is_nothing(self, store: Store, ask: Ask) -> None:
        await tell_table(store, "ann 2026-03-01T10:00 A\nann 2026-03-02T10:00 B\nann 2026-03-02T10:00 A\nann 2026-03-02T10:00 A")
        spec: JSON = {"series": [series("A"), series("B")], "formulas": [{"expression": "A / B * 100"}, {"expression": "A / (B - B)"}]}

        found = await trends(ask, spec, ("2026-03-01", "2026-03-04"))

        assert (found["A / B * 100"], found["A / (B - B)"]) == ([0, 200, 0], [0, 0, 0])

    async def test_events_per_person(self, store: Store, ask: Ask) -> None:
        # help.mixpanel.com, "Data Functions": total per user, averaged over those who did it.
        await tell_table(
            store, "ann 2026-03-01T10:00 A\nann 2026-03-01T10:00 A\nann 2026-03-01T11:00 A\nbob 2026-03-01T10:00 A\ncid 2026-03-01T10:00 B"
        )

        assert await trends(ask, {"series": [series("A", "PER_PERSON")]}, ("2026-03-01", "2026-03-03")) == {"A": [2, 0]}

    async def test_person_is_in_several_cells_and_once_in_the_others(self, store: Store, ask: Ask) -> None:
        await tell_table(
            store,
            """
            ann 2026-03-01T10:00 A plan=a
            bob 2026-03-01T10:00 A plan=a
            ann 2026-03-01T10:00 A plan=b
            ann 2026-03-01T10:00 A plan=c
            ann 2026-03-01T10:00 A
            """,
        )
        spec: JSON = {"series": [series("A", "PERSONS")], "breakdowns": [{"property": "plan"}], "breakdownLimit": 1}

        assert await trends(ask, spec, ("2026-03-01", "2026-03-02")) == {"A a": [2], "A others": [1]}

    async def test_weeks_begin_on_monday_or_on_sunday(self, store: Store, ask: Ask) -> None:
        # March 1, 2026 is a Sunday.
        await tell_table(store, "ann 2026-02-28T12:00 A\nann 2026-03-01T12:00 A\nann 2026-03-02T12:00 A\nann 2026-03-08T12:00 A")
        days = ("2026-02-23", "2026-03-09")
        spec: JSON = {"series": [series("A")]}

        assert await trends(ask, spec, days, granularity="GRANULARITY_WEEK") == {"A": [2, 2]}
        assert await trends(ask, spec, days, granularity="GRANULARITY_WEEK", weekStart="WEEK_START_SUNDAY") == {"A": [1, 2, 1]}

    async def test_day_the_clocks_change_is_there_and_has_23_hours(self, store: Store, ask: Ask) -> None:
        # help.heap.io, "How does daylight savings time affect my data": there March 11, 2018 goes missing.
        await tell_table(store, "\n".join(f"ann 2018-03-{day}T12:00 A" for day in (10, 11, 12)))
        days = {"timeZone": "America/Los_Angeles"}

        daily = await ask(query("trends", {"series": [series("A")]}, ("2018-03-10T08:00:00Z", "2018-03-13T07:00:00Z"), **days))
        hourly = await ask(
            query(
                "trends",
                {"series": [series("A")]},
                ("2018-03-11T08:00:00Z", "2018-03-12T07:00:00Z"),
                **days,
                granularity="GRANULARITY_HOUR",
            )
        )

        assert [bucket.start.ToJsonString() for bucket in daily.trends.buckets] == [
            "2018-03-10T08:00:00Z",
            "2018-03-11T08:00:00Z",
            "2018-03-12T07:00:00Z",
        ]
        assert list(daily.trends.series[0].values) == [1, 1, 1]
        assert len(hourly.trends.buckets) == 23
