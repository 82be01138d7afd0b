"""What holds of every answer, whatever is asked: of all kinds of insight, with questions (specs.py) and people (worlds.py) drawn at random.

No test here says what the numbers are. A kind that is added to the contract has to be added to the four tables these tests walk.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from random import Random

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clickhouse import ClickHouse
from pug.insights.v1.filter_pb2 import EventMatcher, Filter, FilterGroup, Source
from pug.insights.v1.insights_pb2 import QueryRequest, QueryResponse
from services.insights.service import InsightsService
from services.rpc.call import Call, Credential, Project, Scope

from .numbers_shown import NUMBERS, numbers_of
from .specs import COMPARING, KINDS, MEND, SPECS, filter_of, requests
from .sums import SUMS, Ask, assert_adds_up
from .worlds import MERGED, World, tell_neighbours, tell_worlds

SEEDS = range(24)
EXAMPLES = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


@pytest_asyncio.fixture(scope="module")
async def worlds(clickhouse: ClickHouse) -> AsyncGenerator[list[World]]:
    yield await tell_worlds(clickhouse, SEEDS)


@pytest.fixture(scope="module")
def asking(insights: InsightsService) -> Callable[[int], Ask]:
    """Asks in a project."""
    return lambda project: lambda request: insights.query(request, call(project))


def call(project: int) -> Call:
    return Call(Credential("key", Project(project, "UTC"), frozenset({Scope.READ})), "request")


def test_every_kind_is_walked() -> None:
    assert set(KINDS) == set(SPECS) == set(NUMBERS) == set(SUMS)
    assert set(MEND) <= set(KINDS)


@EVERY_KIND
@given(data=st.data())
@EXAMPLES
async def test_answer_depends_on_nothing_but_the_question_and_the_events(
    worlds: list[World], asking: Callable[[int], Ask], kind: str, data: st.DataObject
) -> None:
    world, request = drawn(worlds, kind, data)
    ask, ask_never_merged, ask_still_merged = map(asking, (world.told, world.never_merged, world.still_merged))

    answer = await ask(request)

    # Told in another order, in several blocks, and never merged: so a merge that is taken back brings every number back.
    assert shown(await ask_never_merged(request)) == shown(answer)
    assert shown(await ask(as_of(1, request))) == shown(answer)
    assert shown(await ask(as_of(MERGED, request))) == shown(await ask_still_merged(request))
    assert shown(await ask(with_filters_that_all_pass(request, data))) == shown(answer)
    await assert_offset_of_nothing_is_utc(request, ask, data)
    await assert_adds_up(request, answer, ask)
    if request.HasField("compare"):
        await assert_compared_with_what_was_then(request, answer, ask)


@EVERY_KIND
@given(data=st.data())
@EXAMPLES
async def test_as_many_persons_are_behind_a_number_as_it_says(
    insights: InsightsService, worlds: list[World], asking: Callable[[int], Ask], kind: str, data: st.DataObject
) -> None:
    world, request = drawn(worlds, kind, data)
    numbers = numbers_of(request, await asking(world.told)(request))

    # Of the others where there are any, and where there is somebody, and some where there is nobody.
    random = Random(data.draw(st.integers(0, 2**32)))
    several = random.sample(numbers, len(numbers))
    of_others = [one for one in several if one.least and "others: true" in str(one.of)]
    some = of_others[:2] + [one for one in several if one.least][:3] + several[:2]
    for one in some:
        one.of.query.CopyFrom(request)
        one.of.page_size = 1_000

        listed = await insights.list_persons(one.of, call(world.told))

        assert len({person.id for person in listed.persons}) == len(listed.persons) == listed.total
        assert one.least <= listed.total <= one.most


@given(data=st.data())
@settings(EXAMPLES, max_examples=2)
async def test_data_of_another_project_never_matters(
    clickhouse: ClickHouse, worlds: list[World], asking: Callable[[int], Ask], data: st.DataObject
) -> None:
    drawings = [drawn(worlds, kind, data) for kind in KINDS]
    before = [shown(await asking(world.told)(request)) for world, request in drawings]

    for world, _ in drawings[:3]:
        await tell_neighbours(clickhouse, world)

    assert [shown(await asking(world.told)(request)) for world, request in drawings] == before


def drawn(worlds: list[World], kind: str, data: st.DataObject) -> tuple[World, QueryRequest]:
    world = data.draw(st.sampled_from(worlds), label="world")
    return world, data.draw(requests(kind, world.start), label="request")


def shown(answer: QueryResponse) -> Mapping[str, object]:
    """The answer without what it cost."""
    found = QueryResponse()
    found.CopyFrom(answer)
    found.ClearField("meta")
    return MessageToDict(found, always_print_fields_with_no_presence=True)


def copy(request: QueryRequest) -> QueryRequest:
    copied = QueryRequest()
    copied.CopyFrom(request)
    return copied


def as_of(version: int, request: QueryRequest) -> QueryRequest:
    asked = copy(request)
    asked.as_of_identity = version
    return asked


def with_filters_that_all_pass(request: QueryRequest, data: st.DataObject) -> QueryRequest:
    """With filters of the query, and of every matcher in it."""
    said = "nobody has it"
    known = [
        filter_of("here", Filter.OP_IS_SET),
        filter_of("plan", Filter.OP_NOT_CONTAINS, said),
        filter_of("team", Filter.OP_NOT_CONTAINS, said, Source.SOURCE_PERSON),
    ]
    passing = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=2), label="passing filters")
    asked = copy(request)
    asked.insight.filters.CopyFrom(FilterGroup(filters=passing, groups=[request.insight.filters]))
    for matcher in matchers_in(asked.insight):
        matcher.filters.extend(passing)
    return asked


def matchers_in(message: Message) -> list[EventMatcher]:
    """Every matcher a message holds, at any depth."""
    if isinstance(message, EventMatcher):
        return [message]
    inside = [value for field, value in message.ListFields() if field.message_type]
    parts = [part for value in inside for part in ([value] if isinstance(value, Message) else value)]
    return [matcher for part in parts for matcher in matchers_in(part)]


async def assert_offset_of_nothing_is_utc(request: QueryRequest, ask: Ask, data: st.DataObject) -> None:
    asked, again = copy(request), copy(request)
    asked.time_zone = "UTC"
    again.time_zone = data.draw(st.sampled_from(["Africa/Abidjan", "Etc/GMT"]), label="zone without offset")
    assert shown(await ask(asked)) == shown(await ask(again))


async def assert_compared_with_what_was_then(request: QueryRequest, answer: QueryResponse, ask: Ask) -> None:
    """Each cell has the values it has when the earlier range is asked about, for which all cells have to be kept."""
    asked = copy(request)
    asked.ClearField("compare")
    asked.time_range.CopyFrom(answer.meta.compare_range)
    kind = str(request.insight.WhichOneof("kind"))
    spec = getattr(asked.insight, kind)
    spec.breakdown_limit = 100
    if kind != "sessions":
        del spec.formulas[:]

    then = values_by_cell(await ask(asked))

    assert kind in COMPARING
    for (letter, cell), compared in values_by_cell(answer, compared=True).items():
        if letter in "ABC" and "others" not in cell:
            assert compared == then.get((letter, cell), [0.0] * len(compared))


def values_by_cell(answer: QueryResponse, *, compared: bool = False) -> dict[tuple[str, str], list[float]]:
    lines = {(one.series, str(one.cell)): list(one.compare_values if compared else one.values) for one in answer.trends.series}
    rows = {(one.series, str(one.cell)): [one.compare_value if compared else one.value] for one in answer.segmentation.rows}
    return lines | rows
