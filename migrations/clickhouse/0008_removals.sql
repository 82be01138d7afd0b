-- When something was last removed from a project's data: an answer from before it must not be given after it (docs/decisions/0022).

CREATE TABLE IF NOT EXISTS removals
(
    project_id UInt64,
    -- In microseconds since 1970.
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY project_id;
