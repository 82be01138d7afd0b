"""How long a project's events are kept, which removals are under way, and which projects are being deleted."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Text, func
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007_retention"
down_revision = "0006_dashboards"


def upgrade() -> None:
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
