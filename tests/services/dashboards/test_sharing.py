"""What who has a dashboard's link gets to see."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import MessageToDict, MessageToJson
from sqlalchemy import select

from core.errors import CredentialInvalid, InvalidArgument, QueryTooExpensive, ScopeMissing, WindowNotYours
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1.render_pb2 import RenderSharedDashboardRequest
from pug.dashboards.v1.tile_pb2 import Tile
from pug.insights.v1.insights_pb2 import Insight, QueryRequest
from services.accounts.credentials import Credentials
from services.dashboards.shares import Shares
from services.dashboards.tables import shares
from services.rpc.call import Scope
from story import event
from team import NOW, Team, insight_tile


async def unshare(team: Team, board: pb.Dashboard) -> None:
    await team.service.unshare_dashboard(pb.UnshareDashboardRequest(id=board.id), team.call)


async def test_a_token_opens_its_dashboard_and_nothing_else(team: Team) -> None:
    board = await team.create()

    token = await team.share(board)

    credential = await Shares(team.backends.postgres).find_credential(token)
    assert credential is not None
    assert (credential.scopes, str(credential.dashboard_id)) == (frozenset({Scope.SHARE}), board.id)
    assert credential.project == team.call.project
    assert re.fullmatch("sh_[0-9a-f]{40}", token)
    async with team.backends.postgres.connect() as connection:
        kept = (await connection.execute(select(shares).where(shares.c.dashboard_id == board.id))).one()
    assert token not in str(kept)
    assert token.removeprefix("sh_") not in str(await team.log("ShareDashboard"))


async def test_all_who_have_links_ask_no_more_at_once_than_one_member_does(team: Team) -> None:
    running, most = 0, 0

    async def count(_request: QueryRequest) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        # Long enough for the slowest of four to have asked.
        await asyncio.sleep(0.2)
        running -= 1

    team.answering = count
    trends = [{"trends": {"series": [{"event": {"name": f"event {number}"}}]}} for number in range(6)]
    boards = [await team.create(tiles=[insight_tile("", each) for each in trends]) for _ in range(2)]
    for board in boards:
        await team.share(board)

    found = await asyncio.gather(*(team.render_shared(board) for board in boards for _ in range(2)))

    assert most == 8
    assert all(tile.HasField("answer") for each in found for tile in each.tiles)


async def test_a_link_works_until_it_is_replaced_or_taken_back(team: Team) -> None:
    board = await team.create()
    find = Shares(team.backends.postgres).find_credential

    first = await team.share(board)
    second = await team.share(board, chooseWindow=True)
    after_second = [await find(first) is not None, await find(second) is not None]
    shown = (await team.get(board)).share
    await unshare(team, board)

    assert after_second == [False, True]
    assert shown.choose_window
    assert await find(second) is None
    assert not (await team.get(board)).HasField("share")
    # A credential that is still remembered opens nothing, either.
    with pytest.raises(CredentialInvalid):
        await team.render_shared(board)
    await unshare(team, board)
    assert team.forgotten == [board.id] * 4
    told = [entry["changes"]["share"] for entry in [*await team.log("ShareDashboard"), *await team.log("UnshareDashboard")]]
    closed, open_ = [{"expires_at": None, "choose_window": chosen, "show_traits": False} for chosen in (False, True)]
    assert [(each["before"], each["after"]) for each in told] == [(None, closed), (closed, open_), (open_, None)]
    assert (await team.get(board)).version == board.version


async def test_a_link_that_is_taken_back_works_no_longer_where_it_was_remembered(team: Team) -> None:
    credentials = Credentials(Shares(team.backends.postgres).find_credential)
    board = await team.create()
    token = await team.share(board)
    known = await credentials.find(token)

    await unshare(team, board)
    for key_id in team.forgotten:
        credentials.forget(key_id)

    assert known is not None
    assert await credentials.find(token) is None


async def test_a_link_works_until_it_expires(team: Team) -> None:
    board = await team.create()
    soon = NOW + timedelta(hours=1)

    # By the clock of PostgreSQL that was long ago; by the test's it is yet to come.
    token = await team.share(board, expiresAt=soon.isoformat())

    assert await Shares(team.backends.postgres).find_credential(token) is None
    assert (await team.render_shared(board)).board.dashboard.share.expires_at.ToJsonString() == "2026-03-10T13:00:00Z"
    with pytest.raises(InvalidArgument) as refused:
        await team.share(board, expiresAt=NOW.isoformat())
    assert refused.value.field == "expiresAt"


async def test_a_remembered_link_that_has_expired_opens_nothing(team: Team) -> None:
    board = await team.create()
    await team.share(board, expiresAt=(NOW + timedelta(microseconds=1)).isoformat())
    async with team.backends.postgres.begin() as connection:
        await connection.execute(shares.update().where(shares.c.dashboard_id == board.id).values(expires_at=NOW))

    with pytest.raises(CredentialInvalid):
        await team.render_shared(board)


async def test_a_remembered_link_is_no_credential_from_the_moment_it_expires(team: Team) -> None:
    at = datetime.now(UTC)
    credentials = Credentials(Shares(team.backends.postgres).find_credential, now=lambda: at)
    token = await team.share(await team.create(), expiresAt=(at + timedelta(hours=1)).isoformat())
    known = await credentials.find(token)

    at += timedelta(hours=1, milliseconds=1)

    assert known is not None
    assert await credentials.find(token) is None


async def test_only_results_are_shared(team: Team) -> None:
    await team.store.tell(
        event("secret_event", "ann@person.example", at="2026-03-10T10:00:00Z", secret_key="Germany", secret_value="x", amount=5),
        event("secret_event", "bob@person.example", at="2026-03-10T10:00:00Z", secret_key="France", secret_value="x", amount=7),
    )
    await team.store.know(1, traits={"ann@person.example": {"secret_trait": "secret_ann"}})
    filters = [{"property": "secret_value", "values": ["x"]}]
    series = [{"event": {"name": "secret_event", "filters": filters}, "metric": {"kind": "KIND_SUM", "property": "amount"}}]
    unset = {"filters": [{"property": "secret_other", "op": "OP_IS_NOT_SET"}]}
    revenue = {"trends": {"series": series, "breakdowns": [{"property": "secret_key"}]}, "filters": unset}
    saved = await team.save("secret_name", {"segmentation": {"series": series}})
    persons = {"topK": {"dimension": "DIMENSION_PERSON", "scope": {"name": "secret_event"}}}
    steps = {"funnel": {"steps": [{"event": {"name": "secret_event"}}, {"event": {"name": "secret_step"}}]}}
    board = await team.create(
        description="For everybody.",
        filters={"filters": [{"property": "secret_filter", "op": "OP_IS_NOT_SET"}]},
        tiles=[
            insight_tile(
                "Revenue",
                revenue,
                compare={"offset": "86400s"},
                position={"width": 24, "height": 10},
                thresholds=[{"op": "OP_GT", "value": 3}],
                header={"icon": "€"},
                axes={"prefix": "€"},
            ),
            {"name": "Saved", "savedInsightId": saved.id},
            insight_tile("Best customers", persons),
            insight_tile("Way", steps),
            {"name": "Text", "markdown": "# Sales"},
        ],
    )
    await team.share(board)

    shown = await team.render_shared(board)

    told = "".join(MessageToJson(message) for message in shown.messages)
    # The messages as they are, too: a field that isn't known to JSON would show.
    told += "".join(str(message.SerializeToString()) for message in shown.messages)
    values = ("secret", "person.example", "amount", saved.id, board.id, "86400")
    for hidden in (*values, "rowsRead", "hint", "elapsed", "filters", "savedInsightId"):
        assert hidden not in told, hidden
    # While every result is there.
    lines = shown.tile("Revenue").answer.trends.series
    assert sorted((line.cell.values[0].value, sum(line.values)) for line in lines) == [("France", 7), ("Germany", 5)]
    assert [row.value for row in shown.tile("Saved").answer.segmentation.rows] == [12]
    assert [(row.metric, row.value) for row in shown.tile("Best customers").answer.top_k.rows] == [(1, ""), (1, "")]
    assert [step.count for step in shown.tile("Way").answer.funnel.series[0].steps] == [2, 0]
    assert shown.tile("Revenue").answer.meta.HasField("compare_range")
    tiles = {tile.name: MessageToDict(tile) for tile in shown.board.dashboard.tiles}
    assert {key: value for key, value in tiles["Revenue"].items() if key != "id"} == {
        "name": "Revenue",
        "position": {"width": 24, "height": 10},
        "viewMode": "VIEW_MODE_LINE",
        "thresholds": [{"op": "OP_GT", "value": 3.0}],
        "header": {"icon": "€"},
        "axes": {"prefix": "€"},
    }
    assert tiles["Text"]["markdown"] == "# Sales"
    modes = [tile.view_mode for tile in shown.board.dashboard.tiles]
    assert modes == [Tile.VIEW_MODE_LINE, Tile.VIEW_MODE_KPI, Tile.VIEW_MODE_TABLE, Tile.VIEW_MODE_FUNNEL, 0]


async def test_why_a_tile_fails_is_not_shared(team: Team) -> None:
    async def fail(_request: QueryRequest) -> None:
        raise QueryTooExpensive("secret_event took too long.", field="insight.trends", hint="secret_hint")

    team.answering = fail
    board = await team.create(tiles=[insight_tile("a")])
    await team.share(board)

    (tile,) = (await team.render_shared(board)).tiles

    assert MessageToDict(tile.error) == {"code": "resource_exhausted", "message": "This tile has no answer right now."}


async def test_the_window_may_be_chosen_where_the_owner_allows_it(team: Team) -> None:
    board = await team.create(window={"preset": "PRESET_TODAY"}, tiles=[insight_tile("a")])
    week = {"preset": "PRESET_LAST_7_DAYS"}

    await team.share(board)
    with pytest.raises(WindowNotYours) as refused:
        await team.render_shared(board, window=week)
    own = await team.render_shared(board)
    await team.share(board, chooseWindow=True)
    chosen = await team.render_shared(board, window=week)

    assert refused.value.field == "window"
    assert MessageToDict(own.board.time_range)["from"] == "2026-03-10T00:00:00Z"
    assert MessageToDict(chosen.board.time_range)["from"] == "2026-03-04T00:00:00Z"
    with pytest.raises(InvalidArgument):
        await team.render_shared(board, window={"preset": 99})


EVENT: Mapping[str, object] = {"event": {"name": "purchase"}}
BY_TRAIT: Mapping[str, object] = {"breakdowns": [{"property": "email", "source": "SOURCE_PERSON"}]}
NAMES_TRAITS: Mapping[str, Mapping[str, object]] = {
    "trends": {"trends": {"series": [EVENT], **BY_TRAIT}},
    "segmentation": {"segmentation": {"series": [EVENT], **BY_TRAIT}},
    "funnel": {"funnel": {"steps": [EVENT, EVENT], **BY_TRAIT}},
    "retention": {"retention": {"start": EVENT["event"], "return": EVENT["event"], **BY_TRAIT}},
    "sessions": {"sessions": {"metric": "METRIC_SESSIONS", **BY_TRAIT}},
    "top_k": {"topK": {"dimension": "DIMENSION_PROPERTY", "property": "email", "source": "SOURCE_PERSON"}},
}


def test_every_kind_that_can_be_broken_down_is_asked_whether_it_names_traits() -> None:
    kinds = {field.name: field.message_type for field in Insight.DESCRIPTOR.oneofs_by_name["kind"].fields}
    broken_down = {name for name, kind in kinds.items() if kind and "breakdowns" in kind.fields_by_name}

    assert set(NAMES_TRAITS) == broken_down | {"top_k"}


@pytest.mark.parametrize("kind", NAMES_TRAITS)
async def test_traits_are_shown_to_who_has_a_link_only_where_an_admin_allows_it(team: Team, kind: str) -> None:
    asked: list[QueryRequest] = []

    async def note(request: QueryRequest) -> None:
        asked.append(request)

    board = await team.create(tiles=[insight_tile("secret", NAMES_TRAITS[kind]), insight_tile("open")])
    await team.share(board)
    team.answering = note

    hidden = await team.render_shared(board)
    asked_of_hidden = len(asked)
    admin = replace(team.call, credential=replace(team.call.credential, scopes=frozenset({Scope.EDIT, Scope.ADMIN})))
    await team.service.share_dashboard(pb.ShareDashboardRequest(id=board.id, show_traits=True), admin)
    shown = await team.render_shared(board)

    assert hidden.tile("secret").error.info.reason == "TRAITS_HIDDEN"
    assert "email" not in MessageToJson(hidden.tile("secret"))
    assert (hidden.tile("open").HasField("answer"), asked_of_hidden) == (True, 1)
    assert all(tile.HasField("answer") for tile in shown.tiles)
    assert (await team.render(board)).tile("secret").HasField("answer")


async def test_a_filter_by_a_trait_shows_none(team: Team) -> None:
    by_plan = {"filters": [{"property": "plan", "source": "SOURCE_PERSON", "values": ["pro"]}]}
    board = await team.create(tiles=[insight_tile("a", {"trends": {"series": [EVENT]}, "filters": by_plan})])
    await team.share(board)

    assert (await team.render_shared(board)).tile("a").HasField("answer")


async def test_an_editor_shares_and_shows_no_traits(team: Team) -> None:
    board = await team.create()
    editor = replace(team.call, credential=replace(team.call.credential, scopes=frozenset({Scope.READ, Scope.EDIT})))

    with pytest.raises(ScopeMissing) as refused:
        await team.service.share_dashboard(pb.ShareDashboardRequest(id=board.id, show_traits=True), editor)

    assert refused.value.field == "showTraits"
    assert (await team.service.share_dashboard(pb.ShareDashboardRequest(id=board.id), editor)).token


async def test_a_credential_without_a_dashboard_sees_none(team: Team) -> None:
    board = await team.create()
    await team.share(board)
    call = replace(team.call, credential=replace(team.call.credential, dashboard_id=None))

    with pytest.raises(CredentialInvalid):
        await anext(team.service.render_shared_dashboard(RenderSharedDashboardRequest(), call))
