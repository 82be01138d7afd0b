"""Which rows of ClickHouse are a person's."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.sql import Sql, Value, any_of, sql, text, texts, unsigned
from services.profiles.directory import MAX_IDS_SHOWN

# By the hash rows are found; by the id itself nobody gets what is another's whose id happens to have the same hash.
_NAMED = """{hash} IN (SELECT sipHash64(arrayJoin({ids}))) AND {id} IN (SELECT arrayJoin({ids}))"""
_TIED = """{hash} IN (SELECT distinct_hash FROM ({tied})) AND {id} IN (SELECT distinct_id FROM ({tied}))"""
_TIED_TO = """
    SELECT distinct_hash, any(distinct_id) AS distinct_id
    FROM person_ties
    WHERE project_id = {project} AND version <= {version}
    GROUP BY distinct_hash
    HAVING argMax(root, version) = {root}"""


@dataclass(frozen=True, slots=True)
class Whose:
    """A person of a project: all their ids, as of a version of the project's identity."""

    project_id: int
    distinct_ids: Sequence[str]
    root: str
    version: int

    @property
    def project(self) -> Value:
        """To be compared with a table's project."""
        return unsigned(self.project_id)

    def theirs(self, id_hash: Sql | None = None, an_id: Sql | None = None) -> Sql:
        """Holds on rows with one of their ids; of events, unless other columns are named."""
        columns = {"hash": id_hash or sql("distinct_hash"), "id": an_id or sql("distinct_id")}
        if len(self.distinct_ids) <= MAX_IDS_SHOWN:
            return sql(_NAMED, **columns, ids=texts(self.distinct_ids))
        # A query cannot name that many. ClickHouse says nothing of a root that was never tied to another.
        tied = sql(_TIED_TO, project=self.project, version=unsigned(self.version), root=text(self.root))
        return any_of([sql(_NAMED, **columns, ids=texts([self.root])), sql(_TIED, **columns, tied=tied)])
