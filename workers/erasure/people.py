"""What PostgreSQL knows of who somebody is: counted, and removed."""

from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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
# While it waits for somebody who reads the table, all who come after wait behind it: whoever asks for an erasure, too, and behind them
# everyone who identifies somebody of the project.
_LOCK_WITHIN = text("SET lock_timeout = '200ms'")
_WAIT_AS_BEFORE = text("RESET lock_timeout")
# Of rows that are deleted those are written anew, too, that an older snapshot may still see. ANALYZE has just counted them.
_KEPT = text("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = CAST(:table AS regclass)")


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

    async def tidy(self) -> bool:
        """Have PostgreSQL forget what was deleted, in its statistics and in the files of the small tables; whether all is forgotten.

        It isn't while others read those tables, or go on with what they began to read before the rows were deleted.
        """
        with answering():
            async with self._postgres.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                for table in _TIDIED:
                    await connection.execute(text(f"VACUUM (ANALYZE) {table}"))
                # VACUUM runs in no transaction, to which alone a setting could belong.
                await connection.execute(_LOCK_WITHIN)
                try:
                    return all([await _write_anew(connection, table) for table in _WRITTEN_ANEW])
                finally:
                    await connection.execute(_WAIT_AS_BEFORE)


async def _write_anew(connection: AsyncConnection, table: str) -> bool:
    try:
        await connection.execute(text(f"VACUUM (FULL, ANALYZE) {table}"))
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise
    return not (await connection.execute(_KEPT, {"table": table})).scalar_one()


def _values(job: Job) -> dict[str, object]:
    return {"project": job.project_id, "ids": list(job.distinct_ids)}
