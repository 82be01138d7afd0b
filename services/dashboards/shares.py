"""Links that show a dashboard to anybody who has them."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core.postgres import transaction
from pug.dashboards.v1.dashboard_pb2 import Share
from services.accounts.audit import Change, note
from services.accounts.tables import projects
from services.accounts.tokens import hashed, new_token
from services.dashboards.ids import no_dashboard
from services.dashboards.tables import dashboards, shares
from services.rpc.call import Call, Credential, Project, Scope

PREFIX = "sh_"


class Shares:
    """The one link a dashboard may have. Of its token only the hash is kept."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def find_credential(self, token: str) -> Credential | None:
        """What a share token that works opens: one dashboard, to be looked at."""
        query = (
            select(
                shares.c.dashboard_id,
                shares.c.expires_at,
                projects.c.id,
                projects.c.time_zone,
                projects.c.retention_months,
                projects.c.org_id,
            )
            .join(dashboards, dashboards.c.id == shares.c.dashboard_id)
            .join(projects, projects.c.id == dashboards.c.project_id)
            # A project that is being deleted is no org's.
            .where(projects.c.org_id.is_not(None))
            .where(shares.c.token_hash == hashed(token), or_(shares.c.expires_at.is_(None), shares.c.expires_at > func.now()))
        )
        async with transaction(self._postgres) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        project = Project(int(row["id"]), str(row["time_zone"]), row["retention_months"])
        board: UUID = row["dashboard_id"]
        scopes = frozenset({Scope.SHARE})
        return Credential(str(board), project, scopes, org_id=int(row["org_id"]), dashboard_id=board, expires_at=row["expires_at"])

    async def share(self, call: Call, board_id: UUID, good_for: Share) -> tuple[str, Share]:
        """A new token, in place of the one before, and what it is good for; raises DashboardNotFound."""
        token = new_token("sh")
        values = {
            "token_hash": hashed(token),
            "created_at": func.now(),
            "expires_at": good_for.expires_at.ToDatetime(UTC) if good_for.HasField("expires_at") else None,
            "choose_window": good_for.choose_window,
            "show_traits": good_for.show_traits,
        }
        query = insert(shares).values(dashboard_id=board_id, **values).on_conflict_do_update(index_elements=["dashboard_id"], set_=values)
        async with transaction(self._postgres) as connection:
            before = await _held(connection, call, board_id)
            made = (await connection.execute(query.returning(shares))).mappings().one()
            await note(connection, call, _change("ShareDashboard", board_id, before, made))
        shown = {name: made[name] for name in ("created_at", "expires_at", "choose_window", "show_traits")}
        return token, Share(**shown)

    async def unshare(self, call: Call, board_id: UUID) -> None:
        """End the link, if there is one; raises DashboardNotFound."""
        async with transaction(self._postgres) as connection:
            before = await _held(connection, call, board_id)
            if before is None:
                return
            await connection.execute(delete(shares).where(shares.c.dashboard_id == board_id))
            await note(connection, call, _change("UnshareDashboard", board_id, before, None))


async def _held(connection: AsyncConnection, call: Call, board_id: UUID) -> RowMapping | None:
    """The link of a dashboard, which is held until the transaction ends."""
    board = select(dashboards.c.id).where(dashboards.c.project_id == call.project.id, dashboards.c.id == board_id).with_for_update()
    if (await connection.execute(board)).one_or_none() is None:
        raise no_dashboard()
    return (await connection.execute(select(shares).where(shares.c.dashboard_id == board_id))).mappings().one_or_none()


def _change(action: str, board_id: UUID, before: RowMapping | None, after: RowMapping | None) -> Change:
    # A new link is a change even when it is good for the same.
    return Change(action, "dashboard", str(board_id), {"share": {"before": _told(before), "after": _told(after)}})


def _told(share: RowMapping | None) -> dict[str, object] | None:
    """A link as the log tells of it: never its token."""
    if share is None:
        return None
    expires_at: datetime | None = share["expires_at"]
    return {
        "expires_at": expires_at.astimezone(UTC).isoformat() if expires_at else None,
        "choose_window": share["choose_window"],
        "show_traits": share["show_traits"],
    }
