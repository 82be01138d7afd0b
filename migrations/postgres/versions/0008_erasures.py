"""Whose data is removed for good, by what they are refused afterwards, and the secrets that takes."""

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008_erasures"
down_revision = "0007_retention"


def _project(*, primary_key: bool = False) -> Column[int]:
    return Column("project_id", BigInteger, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "erasures",
        Column("id", Uuid, primary_key=True),
        # By this they are listed.
        Column("number", BigInteger, Identity(), nullable=False, unique=True),
        _project(),
        Column("state", Text, CheckConstraint("state IN ('pending', 'running', 'done', 'failed')", name="erasures_state"), nullable=False),
        Column("step", Text, server_default="", nullable=False),
        # All ids of the person, the root first; forgotten when it is done.
        Column("distinct_ids", ARRAY(Text(collation="C")), nullable=False),
        Column("distinct_id_count", Integer, nullable=False),
        # Up to which message of the event stream, and which version of the identity, there may be something of theirs.
        Column("stream_sequence", BigInteger),
        Column("identity_version", BigInteger, nullable=False),
        # By store, the rows before and after.
        Column("counts", JSONB, server_default="{}", nullable=False),
        Column("requested_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("finished_at", DateTime(timezone=True)),
        Column("failed_attempts", Integer, server_default="0", nullable=False),
        Column("next_attempt_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("error", Text, server_default="", nullable=False),
        # Text, because its bytes are signed.
        Column("certificate", Text, server_default="", nullable=False),
    )
    op.create_index("erasures_project", "erasures", ["project_id", "number"])
    op.create_index("erasures_open", "erasures", ["number"], postgresql_where=text("state IN ('pending', 'running')"))
    # Ids that are refused for ever, as keyed hashes.
    op.create_table(
        "tombstones",
        _project(primary_key=True),
        Column("id_hash", LargeBinary, primary_key=True),
        # Committed in their order, so that who has read some reads on where they ended.
        Column("number", BigInteger, Identity(), nullable=False, unique=True),
        Column("erasure_id", Uuid, ForeignKey("erasures.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("tombstones_erasure", "tombstones", ["erasure_id"])
    # Made when first needed, the same for all processes; of one that a setting gives only what tells it from another.
    op.create_table(
        "server_secrets",
        Column("name", Text, primary_key=True),
        Column("secret", LargeBinary),
        Column("fingerprint", LargeBinary, nullable=False),
    )
