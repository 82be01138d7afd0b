"""Segmentation on the real engine against a naive count in Python (tests/naive_lines.py)."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from core.person_ids import person_id
from naive_lines import COUNTING, FORMULAS, Asked, assert_same, assert_says_what_it_is, cell_of, lines, questions
from pug.insights.v1.insights_pb2 import Insight, ListPersonsRequest
from pug.insights.v1.segmentation_pb2 import Segmentation
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store, next_project

from .conftest import listed


@st.composite
def segmentations(draw: st.DrawFn) -> Asked:
    asked = draw(questions()).as_one_bucket()
    spec = Segmentation(series=asked.series, formulas=asked.formulas, breakdowns=asked.breakdowns, breakdown_limit=asked.limit)
    asked.request.insight.MergeFrom(Insight(segmentation=spec))
    return asked


@given(segmentations(), st.integers(0, 2**32).map(Random))
@settings(max_examples=30, deadline=None)
async def test_segmentation_agrees_with_a_naive_count(
    clickhouse: ClickHouse, insights: InsightsService, asked: Asked, random: Random
) -> None:
    store, stranger = Store(clickhouse, next_project()), Store(clickhouse, next_project())
    await store.tell(*random.sample(asked.events, len(asked.events)))
    await stranger.tell(*asked.events[:5])
    call = Call(Credential("key", Project(store.project_id, "UTC"), frozenset({Scope.READ})), "request")

    response = await insights.query(asked.request, call)

    rows = response.segmentation.rows
    found = [(row.series, cell_of(row.cell), [row.value], [row.compare_value] if row.HasField("compare_value") else []) for row in rows]
    assert_same(found, lines(asked))
    assert_says_what_it_is(response.meta, asked)
    for row in [row for row in rows if row.series not in FORMULAS][:6]:
        of = ListPersonsRequest.OfSegmentation(series=row.series, cell=row.cell)
        persons = await listed(clickhouse, ListPersonsRequest(query=asked.request, segmentation=of), store.project_id)
        one = asked.series[ord(row.series) - ord("A")]
        assert persons == {person_id(who) for who in asked.persons(one, cell_of(row.cell), 0)}
        if one.metric.kind in COUNTING:
            assert len(persons) == row.value
