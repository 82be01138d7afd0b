"""What PostgreSQL knows of who somebody is: counted, and removed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.person_ids import person_id
from core.postgres import answering, transaction
from workers.erasure.jobs import Job

# Nobody changes who is who meanwhile (services/profiles/rows.py).
_LOCK = text("SELECT version FROM identity_versions WHERE project_id = :project FOR UPDATE")
_WAITING = text("SELECT EXISTS (SELECT FROM identity_changes WHERE project_id = :project AND version <= :version)")
# Ties that were taken back, too: they name the ids.
_THEIRS = {
    "distinct_ids": "distinct_id = ANY(:ids)",
    "ties": "(tied = ANY(:ids) OR tied_to = ANY(:ids))",
    "identity_changes": "(distinct_id = ANY(:ids) OR root = ANY(:ids))",
}
# Who exported them stays written down, but no longer whom: a person's id is a hash that anybody can work out from theirs.
_EXPORTED = text(
    "UPDATE audit_entries SET object_id = '' WHERE project_id = :project AND object_kind = 'person' AND object_id = ANY(:person_ids)"
)
# PostgreSQL does both by itself, but not for so few rows; until then samples of values stay among its statistics, and rows in its files.
_TIDIED = (*_THEIRS, "audit_entries")
_WRITTEN_ANEW = ("erasures", "removals")


class People:
    """Knows the tables that name ids."""

    def __init__(self, postgres: AsyncEngine) -> None:
        self._postgres = postgres

    async def is_told(self, job: Job) -> bool:
        """Whether ClickHouse was told all that was said before the ids were frozen: nothing of theirs comes there any more."""
        async with transaction(self._postgres) as connection:
            waits = await connection.execute(_WAITING, {"project": job.project_id, "version": job.identity_version})
            return not waits.scalar_one()

    async def count(self, job: Job) -> dict[str, int]:
        """The rows that name them, by store."""
        counted: dict[str, int] = {}
        async with transaction(self._postgres) as connection:
            for table, theirs in _THEIRS.items():
                query = text(f"SELECT count(*) FROM {table} WHERE project_id = :project AND {theirs}")  # noqa: S608 (names of our own)
                counted[f"postgresql.{table}"] = (await connection.execute(query, _values(job))).scalar_one()
        return counted

    async def remove(self, job: Job) -> None:
        """Delete them, all at once."""
        async with transaction(self._postgres) as connection:
            await connection.execute(_LOCK, {"project": job.project_id})
            for table, theirs in _THEIRS.items():
                query = text(f"DELETE FROM {table} WHERE project_id = :project AND {theirs}")  # noqa: S608 (names of our own)
                await connection.execute(query, _values(job))
            person_ids = [person_id(one) for one in job.distinct_ids]
            await connection.execute(_EXPORTED, {"project": job.project_id, "person_ids": person_ids})

    async def tidy(self) -> None:
        """Have PostgreSQL forget what was deleted: in its statistics, and in the files of the small tables."""
        with answering():
            async with self._postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                for table in _TIDIED:
                    await connection.execute(text(f"VACUUM (ANALYZE) {table}"))
                for table in _WRITTEN_ANEW:
                    await connection.execute(text(f"VACUUM (FULL, ANALYZE) {table}"))


def _values(job: Job) -> dict[str, object]:
    return {"project": job.project_id, "ids": list(job.distinct_ids)}
