"""Stories about who is behind a number of Trends and Segmentation. It is 2026-03-10 12:00 UTC in all of them."""

from collections.abc import Mapping

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidArgument
from core.person_ids import person_id
from pug.insights.v1.insights_pb2 import ListPersonsRequest
from story import Store, event

from .conftest import listed

JSON = Mapping[str, object]


def of_trends(*series: JSON, of: JSON, include_cookieless: object = False, **trends: object) -> ListPersonsRequest:
    insight: JSON = {"trends": {"series": list(series), **trends}, "includeCookieless": include_cookieless}
    return ParseDict({"query": {"insight": insight, "timeRange": THREE_DAYS}, "trends": of}, ListPersonsRequest())


def of_event(name: str, metric: str = "PERSONS", number: str = "") -> JSON:
    return {"event": {"name": name}, "metric": {"kind": f"KIND_{metric}", "property": number}}


async def who(store: Store, request: ListPersonsRequest, identity_version: int = 0) -> set[str]:
    """Those of the stories who are listed; nobody else may be."""
    ids = await listed(store.clickhouse, request, store.project_id, identity_version)
    names = {person_id(name): name for name in ("ann", "bob", "cid", "dan", "cookieless-eve")}
    return {names[one] for one in ids}


THREE_DAYS: JSON = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
SECOND = "2026-03-02T00:00:00Z"
BY_PLAN: JSON = {"breakdowns": [{"property": "plan"}], "breakdownLimit": 1}


async def test_a_point_is_about_its_bucket_and_a_line_about_the_range(store: Store) -> None:
    await store.tell(
        event("e", "ann", at="2026-03-01T23:59:59.999Z"),
        event("e", "bob", at=SECOND),
        event("e", "bob", at=SECOND),
        event("other", "cid", at=SECOND),
        event("e", "dan", at="2026-03-04T00:00:00Z"),
    )

    assert await who(store, of_trends(of_event("e"), of={"series": "A", "bucket": SECOND})) == {"bob"}
    assert await who(store, of_trends(of_event("e"), of={"series": "A"})) == {"ann", "bob"}


async def test_behind_a_rolling_number_are_those_its_window_sees(store: Store) -> None:
    await store.tell(
        event("e", "ann", at="2026-02-24T00:00:00Z"),
        event("e", "bob", at="2026-02-23T23:59:59.999Z"),
        event("e", "cid", at="2026-03-03T00:00:00Z"),
    )

    assert await who(store, of_trends(of_event("e", "ACTIVE_7D"), of={"series": "A", "bucket": SECOND})) == {"ann"}
    assert await who(store, of_trends(of_event("e", "ACTIVE_7D"), of={"series": "A"})) == {"cid"}


async def test_behind_the_others_is_whoever_did_it_in_no_cell_that_is_kept(store: Store) -> None:
    plans = (("ann", "pro"), ("bob", "pro"), ("cid", "pro"), ("ann", "free"), ("bob", None))
    await store.tell(*(event("e", name, plan=plan) for name, plan in plans))

    assert await who(store, of_trends(of_event("e"), of={"series": "A", "cell": {"others": True}}, **BY_PLAN)) == {"ann", "bob"}


async def test_behind_a_cell_is_whoever_did_it_with_its_values(store: Store) -> None:
    await store.tell(event("e", "ann", plan="pro"), event("e", "bob", plan=""), event("e", "cid"), event("e", "cid", plan="pro"))

    pro, empty, absent = [
        await who(store, of_trends(of_event("e"), of={"series": "A", "cell": {"values": [value]}}, **BY_PLAN))
        for value in ({"value": "pro"}, {"value": ""}, {"absent": True})
    ]

    assert (pro, empty, absent) == ({"ann", "cid"}, {"bob"}, {"cid"})


async def test_behind_the_others_of_a_query_with_formulas_are_those_beyond_the_cells_of_the_first_series(store: Store) -> None:
    await store.tell(
        event("a", "ann", plan="x"), *(event("b", name, plan=plan) for name, plan in (("bob", "y"), ("cid", "y"), ("dan", "x")))
    )
    others: JSON = {"series": "B", "cell": {"others": True}}

    request = of_trends(of_event("a"), of_event("b"), of=others, formulas=[{"expression": "A / B"}], **BY_PLAN)

    assert await who(store, request) == {"bob", "cid"}


async def test_behind_a_number_that_is_of_no_persons_are_those_it_is_calculated_from(store: Store) -> None:
    await store.tell(event("e", "ann", n=1), event("e", "bob", n="many"), event("e", "cid", session_id="s"))

    answers = [await who(store, of_trends(of_event("e", metric, "n"), of={"series": "A"})) for metric in ("TOTAL", "SUM", "SESSIONS")]

    assert answers == [{"ann", "bob", "cid"}, {"ann"}, {"ann", "bob", "cid"}]


async def test_cookieless_visitors_are_nobody_unless_the_query_says_so(store: Store) -> None:
    await store.tell(event("e", "ann"), event("e", "cookieless-eve"))

    for metric in ("TOTAL", "PERSONS"):
        assert await who(store, of_trends(of_event("e", metric), of={"series": "A"})) == {"ann"}
        request = of_trends(of_event("e", metric), of={"series": "A"}, include_cookieless=True)
        assert await who(store, request) == {"ann", "cookieless-eve"}


async def test_behind_a_cumulative_number_is_everybody_so_far(store: Store) -> None:
    await store.tell(*(event("e", name, at=f"2026-03-0{day}T10:00:00Z") for name, day in (("ann", 1), ("bob", 2), ("cid", 3))))

    request = of_trends(of_event("e"), of={"series": "A", "bucket": SECOND}, transform="TRANSFORM_CUMULATIVE")

    assert await who(store, request) == {"ann", "bob"}


async def test_behind_a_moving_average_is_everybody_in_its_buckets(store: Store) -> None:
    await store.tell(*(event("e", name, at=f"2026-03-0{day}T10:00:00Z") for name, day in (("ann", 1), ("bob", 2), ("cid", 3))))

    request = of_trends(of_event("e"), of={"series": "A", "bucket": "2026-03-03T00:00:00Z"}, transform="TRANSFORM_MOVING_AVERAGE", window=2)

    assert await who(store, request) == {"bob", "cid"}


async def test_several_ids_of_one_person_are_listed_once_by_the_root(store: Store) -> None:
    await store.tell(event("e", "ann"), event("e", "ann's phone"), event("e", "bob"))
    for table, row in (
        ("person_ties (project_id, distinct_id, root, version)", f"({store.project_id}, 'ann\\'s phone', 'ann', 1)"),
        ("identity_versions", f"({store.project_id}, 1)"),
    ):
        await store.clickhouse.command(f"INSERT INTO {table} VALUES {row}")

    assert await who(store, of_trends(of_event("e"), of={"series": "A"}), identity_version=1) == {"ann", "bob"}


async def test_behind_a_row_of_segmentation_is_the_whole_range(store: Store) -> None:
    await store.tell(
        event("e", "ann", plan="pro"), event("e", "bob", plan="free"), event("e", "ann", at="2026-02-01T00:00:00Z", plan="free")
    )
    insight: JSON = {"segmentation": {"series": [of_event("e", "TOTAL")], "breakdowns": [{"property": "plan"}]}}
    of: JSON = {"series": "A", "cell": {"values": [{"value": "free"}]}}

    request = ParseDict({"query": {"insight": insight, "timeRange": THREE_DAYS}, "segmentation": of}, ListPersonsRequest())

    assert await who(store, request) == {"bob"}


REFUSED: Mapping[str, tuple[ListPersonsRequest, str]] = {
    "no letter": (of_trends(of_event("e"), of={}), "trends.series"),
    "a series nobody asked for": (of_trends(of_event("e"), of={"series": "B"}), "trends.series"),
    "a formula": (of_trends(of_event("e"), of={"series": "A * 2"}, formulas=[{"expression": "A * 2"}]), "trends.series"),
    "no cell of several": (of_trends(of_event("e"), of={"series": "A"}, **BY_PLAN), "trends.cell"),
    "a cell of an answer that has none": (
        of_trends(of_event("e"), of={"series": "A", "cell": {"values": [{"absent": True}]}}),
        "trends.cell",
    ),
    "the others of an answer that has none": (of_trends(of_event("e"), of={"series": "A", "cell": {"others": True}}), "trends.cell"),
    "an instant inside a bucket": (of_trends(of_event("e"), of={"series": "A", "bucket": "2026-03-02T01:00:00Z"}), "trends.bucket"),
    "a number of another kind": (
        ParseDict(
            {"query": {"insight": {"trends": {"series": [of_event("e")]}}, "timeRange": THREE_DAYS}, "segmentation": {}},
            ListPersonsRequest(),
        ),
        "segmentation",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_number_that_is_not_in_the_answer_is_refused(store: Store, case: str) -> None:
    request, field = REFUSED[case]

    with pytest.raises(InvalidArgument) as raised:
        await who(store, request)

    assert (raised.value.field, bool(raised.value.hint)) == (field, True)
