"""Boards, what stands on them, the questions kept by a name, and the links that show a board to anybody."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, LargeBinary, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006_dashboards"
down_revision = "0005_members"


def upgrade() -> None:
    op.create_table(
        "dashboards",
        Column("id", Uuid, primary_key=True),
        Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        # Names sort by their characters' numbers, whatever the server's locale: pages go on where the one before ended.
        Column("name", Text(collation="C"), nullable=False),
        Column("description", Text, nullable=False),
        # The window, the filters and the first day of a week: a pug.dashboards.v1.Dashboard as protobuf JSON.
        Column("frame", JSONB, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("updated_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        # As in the log of changes.
        Column("updated_by", Text, nullable=False),
    )
    op.create_index("dashboards_by_name", "dashboards", ["project_id", "name", "id"])
    op.create_table(
        "saved_insights",
        Column("id", Uuid, primary_key=True),
        Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        Column("name", Text(collation="C"), nullable=False),
        Column("description", Text, nullable=False),
        # A pug.insights.v1.Insight as protobuf JSON.
        Column("insight", JSONB, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("updated_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("updated_by", Text, nullable=False),
    )
    op.create_index("saved_insights_by_name", "saved_insights", ["project_id", "name", "id"])
    op.create_table(
        "tiles",
        Column("id", Uuid, primary_key=True),
        Column("dashboard_id", Uuid, ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False),
        # Counted from 0, in the order they were set.
        Column("place", Integer, nullable=False),
        # A pug.dashboards.v1.Tile without its id, as protobuf JSON.
        Column("tile", JSONB, nullable=False),
        # The saved insight it names, if any, so that this one cannot go while it is shown.
        Column("saved_insight_id", Uuid, ForeignKey("saved_insights.id")),
    )
    op.create_index("tiles_of_dashboard", "tiles", ["dashboard_id", "place"])
    op.create_index("tiles_of_saved_insight", "tiles", ["saved_insight_id"])
    op.create_table(
        "shares",
        Column("dashboard_id", Uuid, ForeignKey("dashboards.id", ondelete="CASCADE"), primary_key=True),
        # Of the token only the SHA-256 is kept.
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("expires_at", DateTime(timezone=True)),
        Column("choose_window", Boolean, nullable=False),
    )
