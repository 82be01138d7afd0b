"""Makes the demo's project and tells it the demo."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import Parse

from app.demo.telling import Demo, Publish, tell
from app.projects import ProjectKeys, create_project
from pug.dashboards.v1.dashboard_pb2 import ImportDashboardRequest
from services.accounts.repository import AccountsRepository
from services.dashboards.boards import Boards
from services.profiles.repository import ProfilesRepository
from services.rpc.call import Call, Credential

_BOARDS = Path(__file__).with_name("boards")


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told: the accounts, the stream of events, the profiles and the dashboards."""

    accounts: AccountsRepository
    publish: Publish
    profiles: ProfilesRepository
    boards: Boards


async def seed(demo: Demo, name: str, listeners: Listeners, told: Callable[[int], None]) -> ProjectKeys:
    """A new project with the demo's events, people and boards, in an org of its name; `told` hears how many events it was told since."""
    project = await create_project(listeners.accounts, name, "UTC")
    await fill(project, demo, listeners, told)
    return project


async def fill(project: ProjectKeys, demo: Demo, listeners: Listeners, told: Callable[[int], None]) -> None:
    """Tell a project the demo, its boards last; events told again are recognised, for some days."""
    await tell(demo, int(project.project_id), listeners.publish, listeners.profiles, told)
    credential = await listeners.accounts.find_credential(project.secret_key)
    assert isinstance(credential, Credential)
    call = Call(credential, "demo")
    for board in boards():
        await listeners.boards.import_dashboard(board, call)


def boards() -> list[ImportDashboardRequest]:
    """The boards to look at the demo by."""
    files = sorted(_BOARDS.glob("*.json"))
    return [Parse(json.dumps({"board": json.loads(file.read_text())}), ImportDashboardRequest()) for file in files]
