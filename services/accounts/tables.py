"""The tables of accounts in PostgreSQL; migrations/postgres makes them."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, ForeignKey, Identity, Integer, LargeBinary, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

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
    # None while it is being deleted: then nobody sees it.
    Column("org_id", BigInteger, ForeignKey("orgs.id")),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, server_default="UTC", nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    # None keeps all events.
    Column("retention_months", Integer),
    Column("removed_before", DateTime(timezone=True)),
)

project_deletions = Table(
    "project_deletions",
    metadata,
    Column("project_id", BigInteger, primary_key=True),
    Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, server_default="pending", nullable=False),
    Column("error", Text, server_default="", nullable=False),
    Column("requested_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("tried_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
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
    Column("last_used_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password", Text),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("joined_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("signed_in_by", Text, nullable=False),
    Column("signed_in_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)

session_tokens = Table(
    "session_tokens",
    metadata,
    Column("refresh_hash", LargeBinary, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("access_hash", LargeBinary, nullable=False, unique=True),
    Column("issued_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("access_expires_at", DateTime(timezone=True), nullable=False),
    Column("refresh_expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)

magic_links = Table(
    "magic_links",
    metadata,
    Column("email", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("name", Text, server_default="", nullable=False),
    Column("password", Text),
    Column("time_zone", Text, server_default="", nullable=False),
)

oidc_states = Table(
    "oidc_states",
    metadata,
    Column("state_hash", LargeBinary, primary_key=True),
    Column("nonce", Text, nullable=False),
    Column("code_verifier", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    Column("paid_until", DateTime(timezone=True), nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("invited_by", Uuid, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("sent", Integer, server_default="1", nullable=False),
    Column("sent_since", DateTime(timezone=True), server_default=func.now(), nullable=False),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", BigInteger),
    Column("at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("request_id", Text, nullable=False),
)
