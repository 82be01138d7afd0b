-- Who did something of which name on which day in UTC: a set, so that what is put in again changes nothing. Merged it has each row
-- once, and persons are counted without remembering whom was seen (docs/decisions/0020).

CREATE TABLE IF NOT EXISTS active_days
(
    project_id UInt64 CODEC(Delta, ZSTD(1)),
    name LowCardinality(String),
    -- The day, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    distinct_hash UInt64,
    -- Follows from the id.
    cookieless UInt8 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, name, occurred_at, distinct_hash)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_active_days TO active_days AS
SELECT DISTINCT
    project_id,
    name,
    -- toStartOfDay knows no years before 1970.
    fromUnixTimestamp64Milli(at - positiveModulo(at, 86400000), 'UTC') AS occurred_at,
    distinct_hash,
    cookieless
FROM (SELECT project_id, name, toUnixTimestamp64Milli(occurred_at) AS at, distinct_hash, cookieless FROM events);
