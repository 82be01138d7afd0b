"""Orgs, their projects, and the keys that open a project."""

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)

revision = "0001_accounts"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orgs",
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("name", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    )
    op.create_table(
        "projects",
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("org_id", BigInteger, ForeignKey("orgs.id"), nullable=False),
        Column("name", Text, nullable=False),
        Column("time_zone", Text, server_default="UTC", nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        UniqueConstraint("org_id", "name", name="projects_name_in_org"),
    )
    op.create_table(
        "api_keys",
        Column("id", Uuid, primary_key=True),
        Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        Column("kind", Text, CheckConstraint("kind IN ('write', 'secret')", name="api_keys_kind"), nullable=False),
        Column("label", Text, nullable=False),
        Column("prefix", Text, nullable=False),
        # A write key is public and kept whole; of a secret key only the SHA-256 is kept.
        Column("token", Text),
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("scopes", ARRAY(Text), nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("revoked_at", DateTime(timezone=True)),
    )
    op.create_index("api_keys_project", "api_keys", ["project_id"])
