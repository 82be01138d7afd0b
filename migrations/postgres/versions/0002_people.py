"""Which distinct ids are one person, what is known of each, and what ClickHouse has still to be told of it."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002_people"
down_revision = "0001_accounts"


def _project(*, primary_key: bool = False) -> Column[int]:
    return Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


def upgrade() -> None:
    # Whoever changes the identity of a project holds its row: so versions are committed in their order.
    op.create_table("identity_versions", _project(primary_key=True), Column("version", BigInteger, server_default="0", nullable=False))
    op.create_table(
        "distinct_ids",
        _project(primary_key=True),
        Column("distinct_id", Text(collation="C"), primary_key=True),
        Column("person_id", Text(collation="C"), nullable=False),
        Column("identified", Boolean, server_default="false", nullable=False),
        # The id its person is called by.
        Column("root", Text(collation="C"), nullable=False),
        # What was set on this id while its person was called by it, null for what was unset; and that with what ties bring.
        Column("own_traits", JSONB, server_default="{}", nullable=False),
        Column("traits", JSONB, server_default="{}", nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    )
    op.create_index("distinct_ids_root", "distinct_ids", ["project_id", "root"])
    op.create_index("distinct_ids_person", "distinct_ids", ["project_id", "person_id"])
    op.create_table(
        "ties",
        Column("id", Uuid, primary_key=True),
        _project(),
        Column("version", BigInteger, nullable=False),
        Column("kind", Text, CheckConstraint("kind IN ('identify', 'merge')", name="ties_kind"), nullable=False),
        Column("tied", Text(collation="C"), nullable=False),
        Column("tied_to", Text(collation="C"), nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("undone_at", DateTime(timezone=True)),
    )
    op.create_index("ties_version", "ties", ["project_id", "version"], unique=True)
    op.create_index("ties_tied", "ties", ["project_id", "tied"])
    # What workers/people.py has still to tell ClickHouse; without traits it is about the tie.
    op.create_table(
        "identity_changes",
        _project(),
        Column("version", BigInteger, nullable=False),
        Column("distinct_id", Text(collation="C"), nullable=False),
        Column("root", Text(collation="C"), nullable=False),
        Column("traits", JSONB),
    )
    op.create_index("identity_changes_version", "identity_changes", ["project_id", "version"])
