"""The traits a person had, at each version of the project's identity that changed one: ClickHouse keeps them all."""

from core.sql import Sql, integer, sql, text, unsigned
from services.profiles.exporting.pages import Last, Page, Pages
from services.profiles.exporting.whose import Whose

# Of at most 64 KiB each.
ROWS = 500

_TRAITS = """
SELECT version AS identityVersion, root AS distinctId, traits
FROM person_traits
WHERE project_id = {project} AND {theirs} AND version <= {version} AND {after}
ORDER BY version, root
LIMIT 1 BY version, root
LIMIT {rows}"""


def pages_of(pages: Pages, whose: Whose) -> Page:
    """All of them; `distinctId` is the id the person was called by then."""

    def plan(last: Last) -> Sql:
        return sql(
            _TRAITS,
            project=whose.project,
            theirs=whose.theirs(sql("person_hash"), sql("root")),
            version=unsigned(whose.version),
            after=_after(last) if last else sql("true"),
            rows=unsigned(ROWS),
        )

    return pages.all(plan, ROWS)


def _after(last: Last) -> Sql:
    assert last is not None
    version = integer(int(str(last["identityVersion"])))
    return sql("(version > {version} OR (version = {version} AND root > {root}))", version=version, root=text(str(last["distinctId"])))
