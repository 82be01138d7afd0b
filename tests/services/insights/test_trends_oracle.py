"""Trends on the real engine against a naive count in Python (tests/naive_lines.py)."""

from dataclasses import replace
from datetime import UTC
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import person_id
from naive_lines import ADDING_UP, COUNTING, FORMULAS, Asked, assert_same, assert_says_what_it_is, cell_of, lines, questions
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest, QueryResponse
from pug.insights.v1.trends_pb2 import Trends
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store, next_project

from .conftest import listed

NONE, CUMULATIVE, MOVING = Trends.TRANSFORM_NONE, Trends.TRANSFORM_CUMULATIVE, Trends.TRANSFORM_MOVING_AVERAGE


@st.composite
def trends(draw: st.DrawFn) -> Asked:
    transform = draw(st.sampled_from([NONE, NONE, CUMULATIVE, MOVING]))
    asked = draw(questions(ADDING_UP) if transform == CUMULATIVE else questions())
    asked = replace(asked, cumulative=transform == CUMULATIVE, window=draw(st.integers(2, 4)) if transform == MOVING else 1)
    spec = Trends(
        series=asked.series,
        formulas=asked.formulas,
        breakdowns=asked.breakdowns,
        breakdown_limit=asked.limit,
        transform=transform,
        window=asked.window,
    )
    asked.request.insight.MergeFrom(Insight(trends=spec))
    return asked


@given(trends(), st.integers(0, 2**32).map(Random))
@settings(max_examples=40, deadline=None)
async def test_trends_agree_with_a_naive_count_whatever_the_order_and_whoever_else_is_stored(
    clickhouse: ClickHouse, insights: InsightsService, asked: Asked, random: Random
) -> None:
    store, again, stranger = (Store(clickhouse, next_project()) for _ in range(3))
    shuffled = random.sample(asked.events, len(asked.events))
    await store.tell(*asked.events)
    await again.tell(*shuffled[::2])
    await again.tell(*shuffled[1::2])
    await stranger.tell(*shuffled[:5])

    response, from_the_other = [await insights.query(asked.request, call(one)) for one in (store, again)]

    # Each bucket once, in order, none left out.
    assert [bucket.start.ToDatetime(UTC) for bucket in response.trends.buckets][1:] == asked.edges[1:-1]
    found = [(one.series, cell_of(one.cell), list(one.values), list(one.compare_values)) for one in response.trends.series]
    assert_same(found, lines(asked))
    assert_says_what_it_is(response.meta, asked)
    assert from_the_other.trends == response.trends
    await assert_lists_who_is_behind(response, asked, store, random)


async def assert_lists_who_is_behind(response: QueryResponse, asked: Asked, store: Store, random: Random) -> None:
    of_letters = [line for line in response.trends.series if line.series not in FORMULAS]
    for line in random.sample(of_letters, min(4, len(of_letters))):
        one = asked.series[ord(line.series) - ord("A")]
        # Where there is somebody.
        places = [place for place, value in enumerate(line.values) if value] or [0]
        for place in (None, *random.sample(places, min(3, len(places)))):
            start = None if place is None else response.trends.buckets[place].start
            of = ListPersonsRequest.OfTrends(series=line.series, cell=line.cell, bucket=start)

            persons = await listed(store.clickhouse, ListPersonsRequest(query=asked.request, trends=of), store.project_id)

            assert persons == {person_id(one) for one in asked.persons(one, cell_of(line.cell), place)}
            if one.metric.kind in COUNTING and asked.window == 1 and place is not None:
                assert len(persons) == line.values[place]


def call(store: Store) -> Call:
    return Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")
