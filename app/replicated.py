"""Makes of a statement for one ClickHouse server the one for a cluster of replicas.

`ON CLUSTER` runs it on every replica. A replicated table finds its place in Keeper and its own name by the servers' macros and by
`default_replica_path`, as ClickHouse's configuration has them; the same tokens make a block that comes again a no-op there.
"""

import re

_TARGET = re.compile(
    r"\A\s*(?:(?:CREATE TABLE|CREATE MATERIALIZED VIEW) IF NOT EXISTS|DROP TABLE IF EXISTS|(?:ALTER|TRUNCATE) TABLE)\s+\w+"
)
_ENGINE = re.compile(r"\bENGINE = (?=(?:Aggregating|Replacing)?MergeTree\b)")

# With these an insert is on most replicas before it is acknowledged, and no replica answers before it has what was: so a worker recognises
# what is stored, whichever replica it asks.
CONSISTENT = {"insert_quorum": "auto", "insert_quorum_parallel": 0, "select_sequential_consistency": 1}


def on_cluster(statement: str, cluster: str) -> str:
    """The statement for the cluster of that name; for none as it is."""
    if not cluster:
        return statement
    if statement.startswith("RENAME TABLE"):
        return f"{statement} ON CLUSTER '{cluster}'"
    target = _TARGET.match(statement)
    if target is None:
        return statement
    rest = _ENGINE.sub("ENGINE = Replicated", statement[target.end() :])
    rest = rest.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    return f"{target[0]} ON CLUSTER '{cluster}'{rest}"
