"""ClickHouse has to be told which ids somebody was identified by, of those that are there already, too."""

from alembic import op
from sqlalchemy import Boolean, Column

revision = "0004_identified"
down_revision = "0003_storms"


def upgrade() -> None:
    # Such a row says nothing about a tie or about traits.
    op.add_column("identity_changes", Column("identified", Boolean, server_default="false", nullable=False))
    op.execute(
        "INSERT INTO identity_changes (project_id, version, distinct_id, root, identified)"
        " SELECT project_id, version, distinct_id, distinct_id, true"
        " FROM distinct_ids JOIN identity_versions USING (project_id) WHERE identified"
    )
