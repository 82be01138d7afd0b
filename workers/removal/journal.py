"""Which removals have begun and are not finished, so that one that was killed goes on as it began."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.removal.share import Portion, Share, digest, read, written

_OPEN = text("SELECT share, last_blocks, before FROM removals WHERE project_id = :project ORDER BY begun_at")
_BEGIN = text(
    "INSERT INTO removals (project_id, digest, share, last_blocks, before) VALUES (:project, :digest, :share, :last_blocks, :before)"
).bindparams(bindparam("last_blocks", type_=ARRAY(BigInteger)), bindparam("before", type_=JSONB))
_END = text("DELETE FROM removals WHERE project_id = :project AND digest = :digest")


@dataclass(frozen=True, slots=True)
class Count:
    """How much of a share a table has: rows that are the share's or count events of it, and those events where they are counted."""

    table: str
    rows: int
    events: int = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """A removal that has begun: what leaves, and how much of it there was in each table."""

    portion: Portion
    before: tuple[Count, ...]


async def open_removals(connection: AsyncConnection, project_id: int) -> Sequence[Begun]:
    """A project's, in the order they were begun."""
    found = await connection.execute(_OPEN, {"project": project_id})
    return [
        Begun(Portion(read(share), tuple(last_blocks)), tuple(Count(**count) for count in before)) for share, last_blocks, before in found
    ]


async def begin(connection: AsyncConnection, begun: Begun) -> None:
    """Write a removal down before its first change."""
    share = begun.portion.share
    await connection.execute(
        _BEGIN,
        {
            "project": share.project_id,
            "digest": digest(share),
            "share": written(share),
            "last_blocks": list(begun.portion.last_blocks),
            "before": [asdict(count) for count in begun.before],
        },
    )


async def end(connection: AsyncConnection, share: Share) -> None:
    """Cross a removal out."""
    await connection.execute(_END, {"project": share.project_id, "digest": digest(share)})
