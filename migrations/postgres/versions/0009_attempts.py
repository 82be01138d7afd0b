"""How often it was tried to sign in, whichever process was asked; and whether a link shows traits."""

from alembic import op
from sqlalchemy import Boolean, Column, DateTime, LargeBinary, false

revision = "0009_attempts"
down_revision = "0008_erasures"


def upgrade() -> None:
    # Gone minutes after the last attempt. What is counted by, such as an address, is only here as a SHA-256.
    op.create_table(
        "attempts",
        Column("key_hash", LargeBinary, primary_key=True),
        # By one pause for each attempt; it may be ahead of now by as many as are allowed at once.
        Column("paid_until", DateTime(timezone=True), nullable=False),
    )
    op.create_index("attempts_paid_until", "attempts", ["paid_until"])
    op.add_column("shares", Column("show_traits", Boolean, server_default=false(), nullable=False))
