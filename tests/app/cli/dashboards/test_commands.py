"""`pug dashboards` against dashboards that answer on a real port."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.backends import Backends
from app.cli import app
from board_site import Site, open_site
from core.errors import QueryTooExpensive
from core.settings import Settings
from pug.insights.v1.insights_pb2 import QueryRequest
from story import event
from team import PURCHASES, insight_tile

Pug = Callable[..., Awaitable[Result]]
FUNNEL = {"funnel": {"steps": [{"event": {"name": "cart"}}, {"event": {"name": "purchase"}}]}}


@pytest_asyncio.fixture
async def site(backends: Backends, engine_settings: Settings) -> AsyncGenerator[Site]:
    async with open_site(backends, engine_settings) as site:
        yield site


@pytest.fixture
def pug(site: Site, monkeypatch: pytest.MonkeyPatch) -> Pug:
    """Runs a command while the server goes on."""
    monkeypatch.setenv("PUG_URL", site.url)
    monkeypatch.setenv("PUG_SECRET_KEY", site.key)

    async def run(*arguments: str, **options: object) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["dashboards", *arguments], **options))  # pyright: ignore[reportArgumentType] (of click)

    return run


async def test_dashboards_are_listed_by_name(site: Site, pug: Pug) -> None:
    shop, web = await site.team.create(name="Shop"), await site.team.create(name="Another")
    await site.team.share(shop, expiresAt="2027-01-01T00:00:00Z")

    listed, as_json = await pug("list"), await pug("list", "--json")

    lines = listed.stdout.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == [web.id, shop.id]
    assert lines[-1].endswith("by a link until 2027-01-01 00:00:00 UTC")
    assert [board["name"] for board in json.loads(as_json.stdout)] == ["Another", "Shop"]


async def test_a_board_goes_into_a_file_and_comes_back(site: Site, pug: Pug, tmp_path: Path) -> None:
    board = await site.team.create(tiles=[insight_tile("Sales"), {"markdown": "# ü"}])
    file = tmp_path / "shop.json"

    exported = await pug("export", board.id, str(file))
    imported = await pug("import", str(file))
    through_pipes = await pug("import", "-", input=(await pug("export", board.id, "-")).stdout)

    assert exported.exit_code == 0, exported.output
    assert "2 tiles" in exported.stderr
    made = [line.strip() for line in (imported.stdout, through_pipes.stdout)]
    again = [(await pug("export", each, "-")).stdout for each in made]
    assert len({board.id, *made}) == 3
    assert again == [file.read_text()] * 2


async def test_what_is_no_board_is_told_in_one_line(site: Site, pug: Pug, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text('{"tilez": []}')
    (tmp_path / "old.json").write_text('{"name": "Shop", "format": 9}')

    missing, wrong, old = [await pug("import", str(tmp_path / f"{name}.json")) for name in ("missing", "wrong", "old")]
    unknown = await pug("render", "none")

    assert [each.exit_code for each in (missing, wrong, old, unknown)] == [2, 2, 1, 1]
    assert "tilez" in wrong.stderr
    assert "form 9" in old.stderr
    assert "no such dashboard" in unknown.stderr
    assert all(each.stderr.count("\n") == 1 for each in (missing, wrong, old, unknown))
    assert not (await site.team.log("ImportDashboard"))


async def test_answers_are_shown_as_tables_with_what_failed_between_them(site: Site, pug: Pug) -> None:
    await site.team.store.tell(
        event("cart", "ann", at="2026-03-10T09:00:00Z"),
        event("purchase", "ann", at="2026-03-10T10:00:00Z"),
        event("cart", "bob", at="2026-03-10T11:00:00Z"),
    )

    async def fail(request: QueryRequest) -> None:
        if "signup" in str(request.insight):
            raise QueryTooExpensive("It took too long.", hint="Ask for less.")

    site.team.answering = fail
    saved = await site.team.save("Way", FUNNEL)
    signups = {"trends": {"series": [{"event": {"name": "signup"}}]}}
    board = await site.team.create(
        window={"preset": "PRESET_LAST_7_DAYS"},
        tiles=[
            insight_tile("Sales", PURCHASES),
            {"name": "To the till", "savedInsightId": saved.id},
            insight_tile("Too dear", signups),
            {"name": "Read me", "markdown": "Sales of *today*."},
        ],
    )

    shown = await pug("render", board.id)
    today = await pug("render", board.id, "--preset", "today", "--json")

    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[:2] == ["Shop", "2026-03-04 00:00:00 UTC – 2026-03-11 00:00:00 UTC, by day"]
    assert lines[2:5] == ["", "Read me", "Sales of *today*."]
    assert {"Sales", "To the till", "Too dear"} <= set(lines)
    assert "It took too long. Ask for less." in lines
    # The steps are named after the saved insight's events.
    assert any("cart" in line for line in lines)
    assert any("50" in line and "purchase" in line for line in lines)
    parts = [json.loads(line) for line in today.stdout.splitlines()]
    assert [next(iter(part)) for part in parts] == ["board", "tile", "tile", "tile", "tile"]
    assert parts[0]["board"]["timeRange"]["from"] == "2026-03-10T00:00:00Z"
