"""Saved insights, which may stand on several dashboards."""

import asyncio
import math
from collections.abc import Mapping

import pytest
from google.protobuf.json_format import ParseDict

from app.backends import Backends
from core.errors import InvalidArgument, MissingField, SavedInsightInUse, SavedInsightNotFound, VersionConflict
from pug.dashboards.v1 import dashboard_pb2
from pug.dashboards.v1 import saved_insight_pb2 as pb
from team import NOTHING, PURCHASES, Team, new_team

FUNNEL = {"funnel": {"steps": [{"event": {"name": "cart"}}, {"event": {"name": "purchase"}}]}}


async def update(team: Team, saved: pb.SavedInsight, **change: object) -> pb.SavedInsight:
    request = ParseDict({"id": saved.id, **change}, pb.UpdateSavedInsightRequest())
    return (await team.service.update_saved_insight(request, team.call)).saved_insight


async def delete(team: Team, saved: pb.SavedInsight) -> None:
    await team.service.delete_saved_insight(pb.DeleteSavedInsightRequest(id=saved.id), team.call)


async def listed(team: Team, **request: object) -> pb.ListSavedInsightsResponse:
    return await team.service.list_saved_insights(ParseDict(request, pb.ListSavedInsightsRequest()), team.call)


def showing(saved: pb.SavedInsight, **more: object) -> dict[str, object]:
    return {"savedInsightId": saved.id, **more}


async def test_a_saved_insight_is_counted_by_the_dashboards_it_stands_on(team: Team) -> None:
    saved = await team.save()
    await team.create(name="one", tiles=[showing(saved), showing(saved)])
    await team.create(name="two", tiles=[showing(saved)])

    (found,) = (await listed(team)).saved_insights

    assert (saved.dashboards, found.dashboards, found.version, found.insight) == (0, 2, 1, saved.insight)


async def test_saved_insights_are_listed_by_name_page_by_page(team: Team) -> None:
    for name in ("b", "c", "a"):
        await team.save(name)

    first = await listed(team, pageSize=2)
    second = await listed(team, pageSize=2, pageToken=first.next_page_token)

    assert [saved.name for saved in first.saved_insights] == ["a", "b"]
    assert [saved.name for saved in second.saved_insights] == ["c"]
    assert not second.next_page_token


async def test_an_update_changes_what_it_says(team: Team) -> None:
    saved = await team.save()

    renamed = await update(team, saved, name="Sold", version=1)
    same = await update(team, saved, name="Sold", insight=PURCHASES)
    other = await update(team, saved, insight=FUNNEL, description="new")

    assert (renamed.name, renamed.insight, renamed.version) == ("Sold", saved.insight, 2)
    assert same == renamed
    assert (other.insight.WhichOneof("kind"), other.description, other.version) == ("funnel", "new", 3)
    with pytest.raises(VersionConflict, match="ann@team"):
        await update(team, saved, name="Late", version=2)
    assert [entry["changes"].keys() for entry in await team.log("UpdateSavedInsight")] == [{"name"}, {"insight", "description"}]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"insight": NOTHING}, "insight"),
        ({"insight": {"funnel": {"steps": [NOTHING]}}}, "insight.funnel.steps"),
        ({"insight": {"trends": {"series": [{"event": {"name": "a\0b"}}]}}}, "insight.trends.series[0].event.name"),
        (
            {"insight": {**PURCHASES, "filters": {"filters": [{"property": "a", "values": [math.nan]}]}}},
            "insight.filters.filters[0].values[0]",
        ),
    ],
)
async def test_what_is_wrong_is_told_by_its_path(team: Team, asked: Mapping[str, object], field: str) -> None:
    saved = await team.save()

    with pytest.raises(InvalidArgument) as on_update:
        await update(team, saved, **asked)
    request = ParseDict({"name": "a", "insight": PURCHASES, **asked}, pb.CreateSavedInsightRequest())
    with pytest.raises(InvalidArgument) as on_creation:
        await team.service.create_saved_insight(request, team.call)

    assert (on_update.value.field, on_creation.value.field) == (field, field)


async def test_a_name_alone_is_nothing_to_save(team: Team) -> None:
    with pytest.raises(MissingField) as refused:
        await team.service.create_saved_insight(pb.CreateSavedInsightRequest(name="a"), team.call)

    assert refused.value.field == "insight"


async def test_one_that_stands_on_dashboards_cannot_be_deleted(team: Team) -> None:
    saved = await team.save()
    boards = [await team.create(name=name, tiles=[showing(saved)]) for name in ("a", "b", "c", "d")]

    with pytest.raises(SavedInsightInUse) as refused:
        await delete(team, saved)
    for board in boards[:2]:
        await team.set_tiles(board)
    for board in boards[2:]:
        await team.service.delete_dashboard(dashboard_pb2.DeleteDashboardRequest(id=board.id), team.call)
    await delete(team, saved)

    assert "'a', 'b', 'c' and 1 more" in refused.value.message
    assert not (await listed(team)).saved_insights


async def test_one_that_is_deleted_while_it_is_put_on_a_dashboard_is_on_it_or_gone(team: Team) -> None:
    board = await team.create()
    for _ in range(5):
        saved = await team.save()

        placed, deleted = await asyncio.gather(team.set_tiles(board, showing(saved)), delete(team, saved), return_exceptions=True)

        if deleted is None:
            assert isinstance(placed, SavedInsightNotFound)
        else:
            assert isinstance(deleted, SavedInsightInUse)
            assert isinstance(placed, dashboard_pb2.Dashboard)
        await team.set_tiles(board)


async def test_one_that_is_shown_keeps_a_kind_that_can_be_shown_so(team: Team) -> None:
    saved = await team.save()
    await team.create(name="drawn", tiles=[showing(saved, viewMode="VIEW_MODE_AREA")])
    compared = await team.save("compared")
    await team.create(name="compared", tiles=[showing(compared, compare={})])

    with pytest.raises(SavedInsightInUse, match="'drawn'"):
        await update(team, saved, insight=FUNNEL)
    with pytest.raises(SavedInsightInUse, match="'compared'"):
        await update(team, compared, insight=FUNNEL)
    await update(team, saved, insight={"trends": {"series": [{"event": {"name": "cart"}}]}})


async def test_another_project_s_saved_insight_looks_like_none(team: Team, backends: Backends) -> None:
    theirs = await (await new_team(backends)).save()

    for saved_id in (theirs.id, "no id", ""):
        for use in (delete, update):
            with pytest.raises(SavedInsightNotFound) as refused:
                await use(team, pb.SavedInsight(id=saved_id))
            assert refused.value.field == "id"
