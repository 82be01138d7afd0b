"""Who can sign in, by what, what they are in which org, whom they invited, and what was changed."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005_members"
down_revision = "0004_identified"

_ROLES = "role IN ('owner', 'admin', 'editor', 'viewer')"


def upgrade() -> None:
    op.create_table(
        "accounts",
        Column("id", Uuid, primary_key=True),
        # In lower case.
        Column("email", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        # Argon2id in its own notation; none for who signs in by links or a provider alone.
        Column("password", Text),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        # When it was first proven that the address is theirs; none while anybody could have typed it.
        Column("confirmed_at", DateTime(timezone=True)),
    )
    op.create_table(
        "memberships",
        Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True),
        Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        Column("role", Text, CheckConstraint(_ROLES, name="memberships_role"), nullable=False),
        Column("joined_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    )
    op.create_index("memberships_account", "memberships", ["account_id"])
    # One sign-in, whose tokens are replaced at each refresh. It ends as a whole.
    op.create_table(
        "sessions",
        Column("id", Uuid, primary_key=True),
        Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("user_agent", Text, nullable=False),
        Column("signed_in_by", Text, CheckConstraint("signed_in_by IN ('password', 'link', 'oidc')", name="sessions_by"), nullable=False),
        Column("signed_in_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("ended_at", DateTime(timezone=True)),
    )
    op.create_index("sessions_account", "sessions", ["account_id"])
    # Of every token only the SHA-256 is kept. A used refresh token stays until it would have expired: using it again ends the session.
    op.create_table(
        "session_tokens",
        Column("refresh_hash", LargeBinary, primary_key=True),
        Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
        Column("access_hash", LargeBinary, nullable=False, unique=True),
        Column("issued_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("access_expires_at", DateTime(timezone=True), nullable=False),
        Column("refresh_expires_at", DateTime(timezone=True), nullable=False),
        Column("used_at", DateTime(timezone=True)),
    )
    op.create_index("session_tokens_session", "session_tokens", ["session_id"])
    op.create_index("session_tokens_expiry", "session_tokens", ["refresh_expires_at"])
    # At most one works for an address at a time.
    op.create_table(
        "magic_links",
        Column("email", Text, primary_key=True),
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        # Of a sign-up that waits for its address to be confirmed; for others there is nothing to keep.
        Column("name", Text, server_default="", nullable=False),
        Column("password", Text),
        Column("time_zone", Text, server_default="", nullable=False),
    )
    # A sign-in with the provider that has begun and not come back.
    op.create_table(
        "oidc_states",
        Column("state_hash", LargeBinary, primary_key=True),
        Column("nonce", Text, nullable=False),
        Column("code_verifier", Text, nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "invitations",
        Column("id", Uuid, primary_key=True),
        Column("org_id", BigInteger, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
        Column("email", Text, nullable=False),
        Column("role", Text, CheckConstraint(_ROLES, name="invitations_role"), nullable=False),
        Column("invited_by", Uuid, ForeignKey("accounts.id", ondelete="SET NULL")),
        Column("token_hash", LargeBinary, nullable=False, unique=True),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        # Of the last day.
        Column("sent", Integer, server_default="1", nullable=False),
        Column("sent_since", DateTime(timezone=True), server_default=func.now(), nullable=False),
        UniqueConstraint("org_id", "email", name="invitations_email_in_org"),
    )
    op.create_table(
        "audit_entries",
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
    op.create_index("audit_entries_org", "audit_entries", ["org_id", "id"])
    op.add_column("api_keys", Column("last_used_at", DateTime(timezone=True)))
    op.add_column("api_keys", Column("expires_at", DateTime(timezone=True)))
    op.create_index("projects_org", "projects", ["org_id"])
