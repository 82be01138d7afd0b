"""Dashboards as they are kept."""

import asyncio
import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, MessageToJson, Parse, ParseDict
from sqlalchemy import update

from app.backends import Backends
from core.errors import (
    CredentialInvalid,
    DashboardNotFound,
    FormatUnknown,
    InvalidArgument,
    NameTaken,
    PugError,
    QueryTooComplex,
    QuotaReached,
    SavedInsightNotFound,
    TileNotFound,
    TooLong,
    TooMany,
    VersionConflict,
)
from pug.dashboards.v1 import dashboard_pb2 as pb
from pug.dashboards.v1.tile_pb2 import Tile
from services.dashboards import tables
from services.dashboards.board_repository import BoardRepository
from services.dashboards.saved_insight_repository import SavedInsightRepository
from team import NOTHING, PURCHASES, Team, as_account, insight_tile, new_team

TEXT: Mapping[str, object] = {"name": "Notes", "markdown": "# Read me"}
FUNNEL = {"funnel": {"steps": [NOTHING, NOTHING]}}


async def test_a_dashboard_comes_back_as_it_was_made(team: Team) -> None:
    looks = {
        "position": {"width": 24, "height": 10},
        "viewMode": "VIEW_MODE_AREA",
        "compare": NOTHING,
        "thresholds": [{"op": "OP_GT", "value": 0.6, "tone": "TONE_WARN"}, {"op": "OP_LT", "value": 1e308}],
        "header": {"icon": "🛒", "accent": "ACCENT_BLUE"},
        "axes": {"prefix": "€", "format": "FORMAT_COMPACT"},
    }
    filters = {"filters": [{"property": "plan", "values": ["pro"]}]}
    asked = {
        "description": "What is sold.",
        "window": {"preset": "PRESET_LAST_7_DAYS", "granularity": "GRANULARITY_HOUR"},
        "filters": filters,
        "weekStart": "WEEK_START_SUNDAY",
        "tiles": [insight_tile("Purchases", **looks), TEXT],
    }

    made = await team.create(**asked)

    found = await team.get(made)
    assert found == made
    shown = MessageToDict(found)
    tiles = [{key: value for key, value in tile.items() if key != "id"} for tile in shown["tiles"]]
    expected = MessageToDict(ParseDict({"name": "Shop", **asked}, pb.CreateDashboardRequest()))
    assert {**{key: shown[key] for key in expected}, "tiles": tiles} == expected
    assert (found.version, len({tile.id for tile in found.tiles})) == (1, 2)


async def test_a_dashboard_is_about_the_last_30_days_when_nobody_says_more(team: Team) -> None:
    made = await team.create()

    assert MessageToDict(made.window) == {"preset": "PRESET_LAST_30_DAYS", "granularity": "GRANULARITY_DAY"}


async def test_setting_what_is_there_changes_nothing(team: Team) -> None:
    made = await team.create(tiles=[insight_tile("a", thresholds=[{"op": "OP_LT", "value": 1e308}]), TEXT, insight_tile()])

    again = await team.set_tiles(made, *made.tiles, version=made.version)

    assert again == made
    assert await team.log("SetTiles") == []


async def test_the_whole_set_is_reconciled_by_id(team: Team) -> None:
    made = await team.create(tiles=[insight_tile("stays"), insight_tile("changes"), insight_tile("goes"), TEXT])
    stays, changes, goes, notes = made.tiles
    changes.markdown = "now a text"

    # A name is free again when its tile goes; case makes no difference.
    found = await team.set_tiles(made, notes, changes, insight_tile("GOES"), stays, version=made.version)

    assert [tile.name for tile in found.tiles] == ["Notes", "changes", "GOES", "stays"]
    assert [tile.id for tile in found.tiles if tile.name != "GOES"] == [notes.id, changes.id, stays.id]
    assert found.tiles[1].WhichOneof("content") == "markdown"
    assert found.tiles[2].id not in {"", goes.id}
    assert found.version == made.version + 1
    assert found == await team.get(made)
    (entry,) = await team.log("SetTiles")
    named = {side: [tile["name"] for tile in told] for side, told in entry["changes"]["tiles"].items()}
    # All of those that stay have moved.
    assert named == {"before": ["stays", "changes", "goes", "Notes"], "after": ["Notes", "changes", "stays", "GOES"]}
    assert entry["actor"] == "ann@team.example"


async def test_no_tiles_clear_the_board(team: Team) -> None:
    made = await team.create(tiles=[TEXT])

    assert not (await team.set_tiles(made)).tiles


async def test_of_two_editors_at_once_one_is_told_who_was_quicker(team: Team) -> None:
    made = await team.create()
    bob = replace(team, call=as_account(team.call, "bob@team.example"))

    outcomes = await asyncio.gather(
        team.set_tiles(made, {"markdown": "Ann's"}, version=1),
        bob.set_tiles(made, {"markdown": "Bob's"}, version=1),
        return_exceptions=True,
    )

    (won,) = [outcome for outcome in outcomes if isinstance(outcome, pb.Dashboard)]
    (lost,) = [outcome for outcome in outcomes if isinstance(outcome, VersionConflict)]
    winner = "ann" if won.tiles[0].markdown == "Ann's" else "bob"
    assert f"{winner}@team.example changed it at 20" in lost.message
    assert lost.field == "version"
    assert await team.get(made) == won


async def test_version_0_overwrites_whatever_there_is(team: Team) -> None:
    made = await team.create()

    await asyncio.gather(*(team.set_tiles(made, {"markdown": f"{number}"}) for number in range(5)))

    found = await team.get(made)
    assert (found.version, len(found.tiles)) == (6, 1)


async def test_an_update_changes_what_it_says_and_no_more(team: Team) -> None:
    made = await team.create(filters={"filters": [{"property": "plan", "values": ["pro"]}]}, description="old", tiles=[TEXT])

    renamed = await team.update(made, name="Store", version=1)
    unfiltered = await team.update(made, filters=NOTHING, description="", weekStart="WEEK_START_SUNDAY")
    same = await team.update(made, name="Store")

    assert (renamed.name, renamed.description, renamed.filters, renamed.version) == ("Store", "old", made.filters, 2)
    assert (unfiltered.name, unfiltered.description, unfiltered.HasField("filters")) == ("Store", "", False)
    assert unfiltered.tiles == made.tiles
    assert same == unfiltered
    changes = [entry["changes"] for entry in await team.log("UpdateDashboard")]
    assert changes[0] == {"name": {"before": "Shop", "after": "Store"}}
    with pytest.raises(VersionConflict):
        await team.update(made, name="Late", version=2)


async def test_updates_of_different_fields_at_once_keep_both(team: Team) -> None:
    made = await team.create()

    await asyncio.gather(team.update(made, name="Store"), team.update(made, description="new"))

    found = await team.get(made)
    assert (found.name, found.description, found.version) == ("Store", "new", 3)


async def test_what_is_deleted_is_not_there(team: Team) -> None:
    made = await team.create(tiles=[TEXT])
    await team.share(made)

    await team.service.delete_dashboard(pb.DeleteDashboardRequest(id=made.id), team.call)

    for use in (team.get, team.set_tiles, team.update, team.render, team.share):
        with pytest.raises(DashboardNotFound):
            await use(made)
    with pytest.raises(CredentialInvalid):
        await team.render_shared(made)
    for gone in (
        team.service.export_dashboard(pb.ExportDashboardRequest(id=made.id), team.call),
        team.service.delete_dashboard(pb.DeleteDashboardRequest(id=made.id), team.call),
        team.service.unshare_dashboard(pb.UnshareDashboardRequest(id=made.id), team.call),
    ):
        with pytest.raises(DashboardNotFound):
            await gone
    assert made.id in team.forgotten


async def test_another_project_s_dashboard_looks_like_none(team: Team, backends: Backends) -> None:
    theirs = await (await new_team(backends)).create(tiles=[TEXT])
    ours = await team.create()
    told: set[tuple[str, str, str]] = set()

    for board_id in (theirs.id, "00000000-0000-4000-8000-000000000000", "", "no id", theirs.id.upper()):
        for use in (team.get, team.set_tiles, team.update, team.render, team.share):
            with pytest.raises(DashboardNotFound) as refused:
                await use(pb.Dashboard(id=board_id))
            told.add((refused.value.message, refused.value.field, refused.value.hint))

    assert len(told) == 1
    with pytest.raises(TileNotFound) as unknown:
        await team.set_tiles(ours, TEXT, theirs.tiles[0])
    assert unknown.value.field == "tiles[1].id"
    assert not (await team.get(ours)).tiles


async def test_dashboards_are_listed_by_name_page_by_page(team: Team) -> None:
    names = ["b", "a", "ä", "c", "b", "B"]
    for name in names:
        await team.create(name=name, tiles=[TEXT])

    pages: list[list[str]] = []
    request = pb.ListDashboardsRequest(page_size=2)
    while True:
        page = await team.service.list_dashboards(request, team.call)
        pages.append([board.name for board in page.dashboards])
        assert not any(board.tiles for board in page.dashboards)
        request.page_token = page.next_page_token
        if not request.page_token:
            break

    assert pages == [["B", "a"], ["b", "b"], ["c", "ä"]]


@pytest.mark.parametrize(
    "place", ["none", '["\\ud800", "0b6ec5ac-9a57-4a1e-b4a5-1dd0d4ae40b1"]', '["\\u0000", "0b6ec5ac-9a57-4a1e-b4a5-1dd0d4ae40b1"]']
)
async def test_a_page_token_that_was_made_up_is_refused(team: Team, place: str) -> None:
    request = pb.ListDashboardsRequest(page_token=base64.urlsafe_b64encode(place.encode()).decode().rstrip("="))

    with pytest.raises(InvalidArgument) as refused:
        await team.service.list_dashboards(request, team.call)

    assert refused.value.field == "pageToken"


async def test_the_log_says_of_filters_that_would_fill_it_only_how_long_they_are(team: Team) -> None:
    board = await team.create(tiles=[TEXT])
    filters = {"filters": [{"property": "plan", "op": "OP_IS", "values": [f"plan {number}" for number in range(1_000)]}]}

    await team.service.update_dashboard(ParseDict({"id": board.id, "filters": filters}, pb.UpdateDashboardRequest()), team.call)

    (entry,) = await team.log("UpdateDashboard")
    frame = entry["changes"]["frame"]
    assert isinstance(frame["before"], dict)
    assert re.fullmatch(r"left out: \d\d,\d\d\d characters", frame["after"])


WRONG: list[tuple[Mapping[str, object], str]] = [
    ({**TEXT, "name": "x" * 151}, ".name"),
    ({**TEXT, "description": "x" * 2001}, ".description"),
    ({**TEXT, "position": {"x": 60, "width": 13, "height": 1}}, ".position.width"),
    ({**TEXT, "position": {"x": -1, "width": 1, "height": 1}}, ".position.x"),
    ({**TEXT, "position": {"y": 100_001, "width": 1, "height": 1}}, ".position.y"),
    ({**TEXT, "position": {"width": 1}}, ".position.height"),
    ({**TEXT, "position": {"height": 1}}, ".position.width"),
    ({**TEXT, "position": {"width": 1, "height": 801}}, ".position.height"),
    ({"name": "empty"}, ""),
    ({"markdown": ""}, ".markdown"),
    ({"markdown": "x" * 100_001}, ".markdown"),
    ({"markdown": "a\0b"}, ".markdown"),
    ({**TEXT, "viewMode": "VIEW_MODE_LINE"}, ".viewMode"),
    ({**TEXT, "compare": NOTHING}, ".compare"),
    ({**TEXT, "header": {"icon": "too long!"}}, ".header.icon"),
    ({**TEXT, "header": {"accent": 99}}, ".header.accent"),
    ({**TEXT, "axes": {"prefix": "too long!"}}, ".axes.prefix"),
    ({**TEXT, "axes": {"logarithmic": True, "fromZero": True}}, ".axes.fromZero"),
    ({**TEXT, "axes": {"legend": 99}}, ".axes.legend"),
    ({**TEXT, "thresholds": [{"op": "OP_LT"}] * 6}, ".thresholds"),
    ({**TEXT, "thresholds": [{"op": "OP_LT"}, NOTHING]}, ".thresholds[1].op"),
    ({**TEXT, "thresholds": [{"op": "OP_LT", "value": "NaN"}]}, ".thresholds[0].value"),
    ({**TEXT, "thresholds": [{"op": "OP_LT", "tone": 99}]}, ".thresholds[0].tone"),
    (insight_tile(viewMode="VIEW_MODE_SANKEY"), ".viewMode"),
    (insight_tile(viewMode=99), ".viewMode"),
    (insight_tile(insight=NOTHING), ".insight"),
    (insight_tile(insight={"trends": NOTHING}), ".insight.trends.series"),
    (insight_tile(insight={"funnel": {"steps": [NOTHING, NOTHING]}}, compare=NOTHING), ".compare"),
    (insight_tile(compare={"offset": "-1s"}), ".compare.offset"),
    (insight_tile(insight={"retention": {"start": NOTHING, "period": "PERIOD_HOUR"}}), ".insight"),
    (
        insight_tile(insight={**PURCHASES, "filters": {"filters": [{"property": "plan", "op": "OP_LT", "values": ["x"]}]}}),
        ".insight.filters.filters[0].values[0]",
    ),
    (
        insight_tile(insight={**PURCHASES, "filters": {"filters": [{"property": "plan", "op": "OP_MATCHES", "values": ["("]}]}}),
        ".insight.filters.filters[0].values[0]",
    ),
    (
        insight_tile(insight={**PURCHASES, "filters": {"filters": [{"property": "plan", "values": ["a\0b"]}]}}),
        ".insight.filters.filters[0].values[0]",
    ),
    (
        insight_tile(insight={**PURCHASES, "filters": {"filters": [{"property": "plan", "values": [1, math.nan]}]}}),
        ".insight.filters.filters[0].values[1]",
    ),
]


@pytest.mark.parametrize(("tile", "field"), WRONG, ids=[f"{place}{field}" for place, (_, field) in enumerate(WRONG)])
async def test_what_is_wrong_with_a_tile_is_told_by_its_path(team: Team, tile: Mapping[str, object], field: str) -> None:
    made = await team.create(tiles=[{"markdown": "first"}])

    with pytest.raises(InvalidArgument) as refused:
        await team.set_tiles(made, *made.tiles, tile)
    carried = pb.ExportedDashboard(format=1, name="Shop", tiles=[ParseDict(dict(tile), Tile())])
    with pytest.raises(InvalidArgument) as not_carried:
        await team.service.import_dashboard(pb.ImportDashboardRequest(board=carried), team.call)

    assert refused.value.field == f"tiles[1]{field}"
    assert not_carried.value.field == f"board.tiles[0]{field}"
    assert await team.get(made) == made


@pytest.mark.parametrize(
    ("board", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"weekStart": 99}, "weekStart"),
        ({"window": NOTHING}, "window.timeRange"),
        ({"window": {"preset": 99}}, "window.preset"),
        ({"window": {"preset": "PRESET_TODAY", "granularity": 99}}, "window.granularity"),
        ({"window": {"timeRange": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}}, "window.timeRange"),
        ({"window": {"timeRange": {"from": "2001-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}}, "window.timeRange"),
        ({"filters": {"filters": [NOTHING]}}, "filters.filters[0].property"),
        ({"filters": {"filters": [{"property": "a", "values": [-math.inf]}]}}, "filters.filters[0].values[0]"),
        ({"filters": {"groups": [{"match": 99, "filters": [{"property": "a", "op": "OP_IS_SET"}]}]}}, "filters.groups[0].match"),
    ],
)
async def test_what_is_wrong_with_a_dashboard_is_told_by_its_path(team: Team, board: Mapping[str, object], field: str) -> None:
    made = await team.create()

    with pytest.raises(InvalidArgument) as on_creation:
        await team.create(**board)
    with pytest.raises(InvalidArgument) as on_update:
        await team.update(made, **board)

    assert (on_creation.value.field, on_update.value.field) == (field, field)


LONG = {"seconds": 2**63 - 1}, {"nanos": 2**31 - 1}


@pytest.mark.parametrize("long", LONG, ids=["seconds", "nanos"])
async def test_a_length_of_time_that_json_cannot_say_is_told_by_its_path(team: Team, long: Mapping[str, int]) -> None:
    compared, funnel = ParseDict(insight_tile(), Tile()), ParseDict(insight_tile(insight=FUNNEL), Tile())
    compared.compare.offset.MergeFrom(Duration(**long))
    funnel.insight.funnel.window.MergeFrom(Duration(**long))

    for tile, field in ((compared, "compare.offset"), (funnel, "insight.funnel.window")):
        with pytest.raises(InvalidArgument) as refused:
            await team.service.create_dashboard(pb.CreateDashboardRequest(name="Shop", tiles=[tile]), team.call)
        assert refused.value.field == f"tiles[0].{field}"


async def test_tiles_are_told_apart(team: Team) -> None:
    made = await team.create(tiles=[{"markdown": "a"}])
    (tile,) = made.tiles

    with pytest.raises(InvalidArgument) as twice:
        await team.set_tiles(made, tile, tile)
    with pytest.raises(NameTaken) as named:
        await team.set_tiles(made, insight_tile("Straße"), tile, insight_tile("STRASSE"))
    with pytest.raises(TooMany):
        await team.set_tiles(made, *[{**TEXT, "name": ""}] * 101)
    with pytest.raises(InvalidArgument) as with_id:
        await team.create(tiles=[{"id": tile.id, "markdown": "a"}])

    assert (twice.value.field, named.value.field, with_id.value.field) == ("tiles[1].id", "tiles[2].name", "tiles[0].id")


async def test_a_hundred_tiles_without_names_are_fine(team: Team) -> None:
    made = await team.create(tiles=[{"markdown": f"{number}"} for number in range(100)])

    assert [tile.markdown for tile in (await team.get(made)).tiles] == [f"{number}" for number in range(100)]


async def test_filters_of_the_board_count_with_those_of_a_tile(team: Team) -> None:
    many = {"filters": [{"property": "plan", "op": "OP_IS_SET"}] * 60}
    made = await team.create(filters=many)

    with pytest.raises(InvalidArgument) as refused:
        await team.set_tiles(made, insight_tile(insight={**PURCHASES, "filters": many}))

    assert refused.value.field == "tiles[0].insight"


async def test_a_tile_that_was_good_once_is_no_hindrance(team: Team) -> None:
    hourly = insight_tile("hourly", insight={"retention": {"start": NOTHING, "period": "PERIOD_HOUR"}})
    made = await team.create(window={"preset": "PRESET_TODAY"}, tiles=[hourly])
    wide = await team.update(made, window={"preset": "PRESET_LAST_12_MONTHS"})

    found = await team.set_tiles(made, TEXT, *wide.tiles)

    assert [tile.name for tile in found.tiles] == ["Notes", "hourly"]


async def test_a_board_can_be_carried_elsewhere(team: Team, backends: Backends) -> None:
    elsewhere = await new_team(backends)
    saved = await team.save()
    made = await team.create(
        description="What is sold.",
        window={"timeRange": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}},
        filters={"match": "MATCH_ANY", "filters": [{"property": "price", "op": "OP_GTE", "values": [9.5]}]},
        weekStart="WEEK_START_SUNDAY",
        tiles=[TEXT, insight_tile("own", compare=NOTHING), {"name": "saved", "savedInsightId": saved.id}],
    )

    exported = (await team.service.export_dashboard(pb.ExportDashboardRequest(id=made.id), team.call)).board
    carried = Parse(MessageToJson(exported), pb.ExportedDashboard())
    imported = (await elsewhere.service.import_dashboard(pb.ImportDashboardRequest(board=carried), elsewhere.call)).dashboard
    again = (await elsewhere.service.export_dashboard(pb.ExportDashboardRequest(id=imported.id), elsewhere.call)).board

    assert again == exported
    assert exported.format == 1
    assert not any(tile.id for tile in exported.tiles)
    assert exported.tiles[2].insight == saved.insight
    assert saved.id not in MessageToJson(exported)


async def test_a_form_of_another_version_is_refused(team: Team) -> None:
    for form in (0, 2):
        board = pb.ExportedDashboard(format=form, name="Shop")
        with pytest.raises(FormatUnknown) as refused:
            await team.service.import_dashboard(pb.ImportDashboardRequest(board=board), team.call)
        assert refused.value.field == "board.format"


async def test_a_tile_names_a_saved_insight_of_its_own_project(team: Team, backends: Backends) -> None:
    theirs = await (await new_team(backends)).save()

    for saved_id in (theirs.id, "no id", ""):
        with pytest.raises(SavedInsightNotFound) as refused:
            await team.create(tiles=[TEXT, {"savedInsightId": saved_id}])
        assert refused.value.field == "tiles[1].savedInsightId"


async def test_what_a_later_version_wrote_is_read_as_far_as_it_is_known(team: Team) -> None:
    made = await team.create(tiles=[insight_tile("mine")])
    later = {**MessageToDict(made.tiles[0]), "sparkle": True, "viewMode": "VIEW_MODE_HOLOGRAM", "axes": {"prefix": "€", "depth": 3}}
    del later["id"]
    async with team.backends.postgres.begin() as connection:
        await connection.execute(update(tables.tiles).where(tables.tiles.c.id == made.tiles[0].id).values(tile=later))
        await connection.execute(update(tables.dashboards).where(tables.dashboards.c.id == made.id).values(frame={"mood": "calm"}))

    (tile,) = (await team.get(made)).tiles

    assert (tile.name, tile.insight, tile.axes.prefix, tile.view_mode) == ("mine", made.tiles[0].insight, "€", 0)


async def test_a_change_that_fails_leaves_no_trace(team: Team) -> None:
    made = await team.create(tiles=[TEXT])

    with pytest.raises(PugError):
        await team.set_tiles(made, insight_tile("new"), {"id": made.id, "markdown": "unknown"})

    assert await team.get(made) == made
    assert [entry["action"] for entry in [*await team.log("CreateDashboard"), *await team.log("SetTiles")]] == ["CreateDashboard"]
    assert json.dumps((await team.log("CreateDashboard"))[0]["changes"]["name"]) == '{"after": "Shop", "before": null}'


def with_patterns(name: str, count: int) -> Mapping[str, object]:
    filters = [
        {"property": "plan", "op": "OP_MATCHES", "values": [f"{name}{one}_{two}" for two in range(10)]} for one in range(count // 10)
    ]
    return insight_tile(name, {"trends": {"series": [{"event": {"filters": filters}}]}})


async def test_patterns_of_tiles_that_are_saved_together_are_counted_together(team: Team) -> None:
    board = await team.create(tiles=[with_patterns(f"t{n}", 100) for n in range(5)])

    with pytest.raises(TooMany) as refused:
        await team.create(tiles=[with_patterns(f"t{n}", 100) for n in range(6)])

    assert refused.value.field == "tiles"
    more = await team.set_tiles(board, *board.tiles, with_patterns("one more", 100))
    assert len(more.tiles) == 6


async def test_patterns_of_tiles_that_are_saved_together_are_compiled_together(team: Team) -> None:
    def with_letters(name: str) -> Mapping[str, object]:
        filters = [{"property": "plan", "op": "OP_MATCHES", "values": [rf"{name}\pL{{130}}"]}]
        return insight_tile(name, {"trends": {"series": [{"event": {"filters": filters}}]}})

    board = await team.create(tiles=[with_letters(f"t{n}") for n in range(5)])

    with pytest.raises(QueryTooComplex) as refused:
        await team.create(tiles=[with_letters(f"t{n}") for n in range(6)])

    assert refused.value.field == "tiles"
    assert len(board.tiles) == 5


async def test_others_are_served_while_the_tiles_of_a_board_are_checked(team: Team) -> None:
    served = 0

    async def serve() -> None:
        nonlocal served
        while True:
            await asyncio.sleep(0)
            served += 1

    others = asyncio.create_task(serve())
    await team.create(tiles=[insight_tile(f"t{n}") for n in range(100)])
    others.cancel()

    assert served > 100


def long_filters(length: int) -> Mapping[str, object]:
    return {"filters": [{"property": "plan", "values": ["x" * 100] * (length // 100)}]}


MANY_VALUES: Mapping[str, object] = {"filters": [{"property": "plan", "values": [1] * 1_000}]}


@pytest.mark.parametrize("filters", [long_filters(30_000), MANY_VALUES], ids=["long texts", "many values"])
async def test_pages_of_dashboards_are_shorter_where_their_filters_hold_much_and_none_is_left_out(
    team: Team, filters: Mapping[str, object]
) -> None:
    for number in range(40):
        await team.create(name=f"b{number:02}", filters=filters)

    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = await team.service.list_dashboards(pb.ListDashboardsRequest(page_size=1_000, page_token=token), team.call)
        pages.append([board.name for board in page.dashboards])
        token = page.next_page_token

    assert [name for page in pages for name in page] == [f"b{number:02}" for number in range(40)]
    assert len(pages) > 1


async def test_no_insight_and_no_filters_are_so_long_that_a_list_could_not_be_read(team: Team) -> None:
    with pytest.raises(TooLong) as of_board:
        await team.create(filters=long_filters(40_000))
    with pytest.raises(TooLong) as of_tile:
        await team.create(tiles=[insight_tile("a", {**PURCHASES, "filters": long_filters(40_000)})])
    with pytest.raises(TooLong) as of_saved:
        await team.save("a", {**PURCHASES, "filters": long_filters(40_000)})

    assert (of_board.value.field, of_tile.value.field, of_saved.value.field) == ("filters", "tiles[0].insight", "insight")


async def test_a_project_has_so_many_dashboards_and_saved_insights(team: Team) -> None:
    boards, saved = BoardRepository(team.backends.postgres, most=1), SavedInsightRepository(team.backends.postgres, most=1)
    await team.create()
    kept = await team.save()

    with pytest.raises(QuotaReached):
        await boards.create(team.call, pb.Dashboard(name="second"), "CreateDashboard", "tiles")
    with pytest.raises(QuotaReached):
        await saved.create(team.call, kept)
