-- Events come in through events_in, which stores nothing: a view derives what is kept and feeds the table from the same insert, and further
-- views feed the schema tables from it. One insert token makes a block that comes again a no-op in all of them (docs/decisions/0004).

CREATE TABLE IF NOT EXISTS events
(
    project_id UInt64 CODEC(Delta, ZSTD(1)),
    name LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- What persons are counted by: hashing once here is 1.4 to 2 times faster than comparing strings in every query (docs/decisions/0005).
    distinct_hash UInt64,
    distinct_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    event_id UUID,
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- The same for every event of a block, and of no other: the mark by which a block is recognised after a crash.
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    -- Each of the first 256 keys has files of its own; further ones share some, so that a client inventing keys cannot exhaust file handles.
    properties JSON(max_dynamic_paths = 256, max_dynamic_types = 8),
    -- Confirms what the worker's in-memory filter of recent ids suspects to be a duplicate.
    INDEX event_id_bloom event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX stored_at_minmax stored_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (project_id, name, toStartOfMinute(occurred_at), distinct_hash)
-- A part of less than 128 MiB is one file whatever its columns, so an insert opens few.
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS events_in
(
    event_id UUID,
    project_id UInt64,
    name String,
    distinct_id String,
    session_id String,
    occurred_at Int64,
    received_at Int64,
    properties JSON(max_dynamic_paths = 256, max_dynamic_types = 8)
)
ENGINE = Null;

-- An insert says its block's stored_at in log_comment, a setting that ClickHouse carries along and doesn't use: so no row has to repeat it.
CREATE MATERIALIZED VIEW IF NOT EXISTS events_in_to_events TO events AS
SELECT
    project_id,
    name,
    fromUnixTimestamp64Milli(occurred_at, 'UTC') AS occurred_at,
    sipHash64(distinct_id) AS distinct_hash,
    distinct_id,
    session_id,
    event_id,
    fromUnixTimestamp64Milli(received_at, 'UTC') AS received_at,
    fromUnixTimestamp64Micro(toInt64OrZero(getSetting('log_comment')), 'UTC') AS stored_at,
    properties
FROM events_in;

-- Reads rows like events_in and feeds nothing: tells which rows of a refused block are unreadable.
CREATE TABLE IF NOT EXISTS events_probe AS events_in ENGINE = Null;
