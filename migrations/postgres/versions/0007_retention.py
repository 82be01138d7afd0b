"""How long a project's events are kept, which removals are under way, and which projects are being deleted."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Integer, Text, func
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007_retention"
down_revision = "0006_dashboards"


def upgrade() -> None:
    # None keeps all events.
    op.add_column("projects", Column("retention_months", Integer, CheckConstraint("retention_months BETWEEN 1 AND 1200")))
    # Up to where events were removed by that.
    op.add_column("projects", Column("removed_before", DateTime(timezone=True)))
    # A project that is being deleted is nobody's.
    op.alter_column("projects", "org_id", nullable=True)
    op.create_table(
        "project_deletions",
        Column("project_id", BigInteger, primary_key=True),
        Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
        Column(
            "state", Text, CheckConstraint("state IN ('pending', 'running', 'done', 'failed')"), server_default="pending", nullable=False
        ),
        Column("error", Text, server_default="", nullable=False),
        Column("requested_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("tried_at", DateTime(timezone=True)),
        Column("finished_at", DateTime(timezone=True)),
    )
    op.create_index("project_deletions_of_org", "project_deletions", ["org_id"])
    op.create_table(
        "removals",
        Column("project_id", BigInteger, primary_key=True),
        # A digest of what is removed.
        Column("digest", Text, primary_key=True),
        # What is removed: gone with the row when that is done.
        Column("share", Text, nullable=False),
        # Each writer's last block when the removal began.
        Column("last_blocks", ARRAY(BigInteger), nullable=False),
        # How much of it there was in which table.
        Column("before", JSONB, nullable=False),
        Column("begun_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    )
