"""The tables of people in PostgreSQL; migrations/postgres makes them."""

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Identity, Integer, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

identity_versions = Table(
    "identity_versions", metadata, Column("project_id", BigInteger, primary_key=True), Column("version", BigInteger, nullable=False)
)

distinct_ids = Table(
    "distinct_ids",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("distinct_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("identified", Boolean, server_default="false", nullable=False),
    Column("root", Text, nullable=False),
    Column("own_traits", JSONB, server_default="{}", nullable=False),
    Column("traits", JSONB, server_default="{}", nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

ties = Table(
    "ties",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tied", Text, nullable=False),
    Column("tied_to", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("undone_at", DateTime(timezone=True)),
)

identity_changes = Table(
    "identity_changes",
    metadata,
    Column("project_id", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("distinct_id", Text, nullable=False),
    Column("root", Text, nullable=False),
    # None as JSON would be a null of JSON's own.
    Column("traits", JSONB(none_as_null=True)),
    # Such a row says nothing about a tie or about traits.
    Column("identified", Boolean, server_default="false", nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(), nullable=False),
    Column("project_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, server_default="", nullable=False),
    Column("distinct_ids", ARRAY(Text), nullable=False),
    Column("distinct_id_count", Integer, nullable=False),
    Column("stream_sequence", BigInteger),
    Column("identity_version", BigInteger, nullable=False),
    Column("counts", JSONB, server_default="{}", nullable=False),
    Column("requested_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("failed_attempts", Integer, server_default="0", nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("error", Text, server_default="", nullable=False),
    Column("certificate", Text, server_default="", nullable=False),
)
