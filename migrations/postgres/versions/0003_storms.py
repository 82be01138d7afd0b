"""What batches of acts on people look up, and since when ClickHouse has to be told of a change."""

from alembic import op
from sqlalchemy import Column, DateTime, func, text

revision = "0003_storms"
down_revision = "0002_people"


def upgrade() -> None:
    # Whether somebody was identified by any id of a person, who may have very many that nobody was.
    op.create_index("distinct_ids_identified", "distinct_ids", ["project_id", "root"], postgresql_where=text("identified"))
    op.add_column("identity_changes", Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False))
