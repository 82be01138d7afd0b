"""The tables of accounts in PostgreSQL; migrations/postgres makes them."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, ForeignKey, Identity, LargeBinary, MetaData, Table, Text, Uuid, func

metadata = MetaData()

orgs = Table(
    "orgs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("org_id", BigInteger, ForeignKey("orgs.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, server_default="UTC", nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    # A write key is public and kept whole; of a secret key only the hash is kept.
    Column("token", Text),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
)
