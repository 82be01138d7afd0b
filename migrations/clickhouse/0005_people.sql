-- Which ids belong to whom, as PostgreSQL says (docs/decisions/0016). Events are never rewritten: a query looks up the few ids that are tied to
-- another. Every version stays, so that a query can be answered as of any; the same row told twice is one.

CREATE TABLE IF NOT EXISTS person_ties
(
    project_id UInt64,
    distinct_id String,
    root String,
    version UInt64,
    distinct_hash UInt64 MATERIALIZED sipHash64(distinct_id),
    person_hash UInt64 MATERIALIZED sipHash64(root)
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, distinct_hash, version);

-- All traits of a person, whenever one has changed.
CREATE TABLE IF NOT EXISTS person_traits
(
    project_id UInt64,
    root String,
    version UInt64,
    traits JSON(max_dynamic_paths = 256, max_dynamic_types = 8),
    person_hash UInt64 MATERIALIZED sipHash64(root)
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, person_hash, version);

-- Up to which version the two tables are complete.
CREATE TABLE IF NOT EXISTS identity_versions
(
    project_id UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY project_id;

-- A person's events are few, and anywhere.
ALTER TABLE events ADD INDEX IF NOT EXISTS distinct_hash_bloom distinct_hash TYPE bloom_filter(0.01) GRANULARITY 1;
