"""The tables of dashboards in PostgreSQL; migrations/postgres makes them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

dashboards = Table(
    "dashboards",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("description", Text, nullable=False),
    Column("frame", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("updated_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("updated_by", Text, nullable=False),
)

saved_insights = Table(
    "saved_insights",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("description", Text, nullable=False),
    Column("insight", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("updated_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("updated_by", Text, nullable=False),
)

tiles = Table(
    "tiles",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dashboard_id", Uuid, ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("tile", JSONB, nullable=False),
    Column("saved_insight_id", Uuid, ForeignKey("saved_insights.id")),
)

shares = Table(
    "shares",
    metadata,
    Column("dashboard_id", Uuid, ForeignKey("dashboards.id", ondelete="CASCADE"), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("choose_window", Boolean, nullable=False),
    Column("show_traits", Boolean, nullable=False),
)
