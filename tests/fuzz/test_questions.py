"""Whatever stands in a question, it is answered or refused by a field of it; ClickHouse is never asked something it cannot read."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from connectrpc.code import Code
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from app.backends import Backends
from app.wiring import build_profiles
from core.errors import PugError
from core.server_secrets import ServerSecrets
from core.stream import Watermark
from fuzzing import TEXTS, examples, mutate
from pug.insights.v1.insights_pb2 import QueryRequest
from pug.profiles.v1.data_export_pb2 import ExportDataSubjectRequest
from pug.profiles.v1.profiles_pb2 import GetPersonRequest, ListEventsRequest, ListPersonEventsRequest, ListPersonsRequest
from services.accounts.repository import AccountsRepository
from services.insights.limits import QueryLimits
from services.insights.service import InsightsService
from services.insights.turns import AtOnce, Turns
from services.profiles.repository import ProfilesRepository
from services.profiles.service import ProfilesService
from services.rpc.call import Call, Credential, Project, Scope
from story import Store, event

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LIMITS = QueryLimits(timedelta(seconds=30), 2 * 2**30)
OPS: Mapping[str, list[object]] = {
    "OP_IS": ["pro", 3],
    "OP_CONTAINS": ["pro"],
    "OP_MATCHES": ["p.o"],
    "OP_NOT_MATCHES": ["p.o"],
    "OP_GTE": [3],
    "OP_BETWEEN": [1, 3],
    "OP_IN_LAST": ["1d"],
    "OP_BEFORE": ["2026-03-02T00:00:00Z"],
    "OP_IS_SET": [],
}
EVENT: Mapping[str, object] = {"name": "a", "filters": [{"property": "plan", "op": "OP_IS", "values": ["pro"]}]}
SPLIT: Mapping[str, object] = {"breakdowns": [{"property": "plan"}, {"property": "tier", "source": "SOURCE_PERSON"}], "breakdownLimit": 3}
METRIC: Mapping[str, object] = {"kind": "KIND_SUM", "property": "price"}
LINES: Mapping[str, object] = {
    "series": [{"event": EVENT}, {"event": {"name": "b"}, "metric": METRIC}],
    "formulas": [{"expression": "A / B * 100", "label": "share"}],
    **SPLIT,
}
KINDS: Mapping[str, object] = {
    "trends": {**LINES, "transform": "TRANSFORM_MOVING_AVERAGE", "window": 3},
    "segmentation": LINES,
    "funnel": {
        "steps": [{"event": EVENT}, {"event": {"name": "b"}, "optional": True}, {"event": {"name": "b"}}],
        "window": "3600s",
        "holdConstant": ["plan"],
        **SPLIT,
    },
    "retention": {"start": EVENT, "return": {"name": "b"}, "period": "PERIOD_DAY", "periods": 3, **SPLIT},
    "stickiness": {"event": EVENT},
    "lifecycle": {"event": EVENT},
    "flow": {"node": "NODE_PROPERTY", "property": "plan", "groups": [{"pattern": "/a/*", "label": "a"}], "scope": EVENT, "maxHops": 3},
    "topK": {"dimension": "DIMENSION_PROPERTY", "property": "plan", "scope": EVENT, "metric": METRIC, "limit": 3},
    "sessions": {"metric": "METRIC_ENTRY", "property": "plan", "scope": EVENT, "as": "AS_SEGMENTATION"},
}


@dataclass(frozen=True)
class Shop:
    insights: InsightsService
    profiles: ProfilesService
    call: Call


@pytest_asyncio.fixture(scope="module")
async def shop(backends: Backends) -> Shop:
    project = await AccountsRepository(backends.postgres).create_project("Shop", "Shop", "UTC")
    store = Store(backends.clickhouse, project)
    await store.tell(
        *(
            event(name, who, f"2026-03-0{day}T10:00:00Z", plan=plan, price=day)
            for name in "ab"
            for who, plan, day in (("ann", "pro", 1), ("bob", 3, 2))
        )
    )
    await store.know(1, {"bob": "ann"}, {"ann": {"tier": "gold"}})

    async def watermark() -> Watermark:
        return Watermark(NOW)

    call = Call(Credential("0192f3a4-0000-7000-8000-000000000000", Project(project, "UTC"), frozenset(Scope)), "request")
    insights = InsightsService(backends.clickhouse, watermark, lambda: NOW, LIMITS)
    secrets = ServerSecrets(backends.postgres)
    profiles = build_profiles(backends, ProfilesRepository(backends.postgres, secrets), secrets, Turns(AtOnce()), LIMITS)
    return Shop(insights, profiles, call)


@st.composite
def mutated(draw: st.DrawFn, good: Message) -> Message:
    message = type(good)()
    message.CopyFrom(good)
    mutate(message, draw)
    return message


def question(kind: str, op: str) -> QueryRequest:
    of_event = {"property": "plan", "op": op, "values": OPS[op]}
    of_person = {**of_event, "property": "tier", "source": "SOURCE_PERSON"}
    filters = {"filters": [of_event], "groups": [{"filters": [of_person]}]}
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
    return ParseDict({"insight": {kind: KINDS[kind], "filters": filters}, "timeRange": span}, QueryRequest())


async def answered_or_refused(asking: Awaitable[object]) -> None:
    refused: PugError | None = None
    try:
        await asking
    except PugError as error:
        refused = error
    assert refused is None or refused.code in {Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.RESOURCE_EXHAUSTED}, refused
    assert refused is None or refused.message


@pytest.mark.parametrize("kind", KINDS)
async def test_before_anything_is_put_into_it_a_question_is_good(shop: Shop, kind: str) -> None:
    for op in OPS:
        await shop.insights.query(question(kind, op), shop.call)


@pytest.mark.parametrize("kind", KINDS)
@examples(12)
@given(data=st.data())
async def test_any_question_is_answered_or_refused(shop: Shop, kind: str, data: st.DataObject) -> None:
    request = data.draw(mutated(question(kind, data.draw(st.sampled_from(list(OPS))))))
    assert isinstance(request, QueryRequest)

    await answered_or_refused(shop.insights.query(request, shop.call))


PATTERN: Mapping[str, object] = {"property": "tier", "source": "SOURCE_PERSON", "op": "OP_MATCHES", "values": ["g"]}
PERSONS: Mapping[str, object] = {
    "filters": {"filters": [{"property": "plan", "values": ["pro"]}, PATTERN]},
    "activity": [
        {"field": "FIELD_EVENTS", "op": "OP_GTE", "values": [1]},
        {"field": "FIELD_LAST_SEEN", "op": "OP_IN_LAST", "values": ["7d"]},
        {"field": "FIELD_BROWSER", "values": ["x"]},
    ],
    "search": "an",
    "pageSize": 5,
}
EVENTS: Mapping[str, object] = {
    "from": "2026-03-01T00:00:00Z",
    "to": "2026-03-04T00:00:00Z",
    "events": [EVENT],
    "sessionId": "s",
    "filters": {"filters": [{"property": "plan", "op": "OP_MATCHES", "values": ["p"]}]},
}
REQUESTS: Mapping[str, Message] = {
    "list_persons": ParseDict(PERSONS, ListPersonsRequest()),
    "list_events": ParseDict({"filter": EVENTS, "pageSize": 5}, ListEventsRequest()),
    "list_person_events": ParseDict({"distinctId": "ann", "filter": EVENTS, "pageSize": 5}, ListPersonEventsRequest()),
    "get_person": ParseDict({"distinctId": "ann"}, GetPersonRequest()),
}


@pytest.mark.parametrize("rpc", REQUESTS)
@examples(12)
@given(data=st.data())
async def test_any_question_about_people_is_answered_or_refused(shop: Shop, rpc: str, data: st.DataObject) -> None:
    request = data.draw(mutated(REQUESTS[rpc]))
    ask: Callable[[Message, Call], Awaitable[object]] = getattr(shop.profiles, rpc)

    await answered_or_refused(ask(request, shop.call))


@examples(12)
@given(by=st.sampled_from(("person_id", "distinct_id", "external_id")), who=st.sampled_from(("ann", "bob")) | TEXTS)
async def test_anybody_is_exported_or_refused(shop: Shop, by: str, who: str) -> None:
    async def export() -> None:
        async for _ in shop.profiles.export_data_subject(ExportDataSubjectRequest(**{by: who}), shop.call):
            pass

    await answered_or_refused(export())
