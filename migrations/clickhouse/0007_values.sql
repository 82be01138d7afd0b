-- Which values properties have had, to choose from when a filter is made. An estimate that costs little: see views/schema_values.sql.

CREATE TABLE IF NOT EXISTS schema_values
(
    project_id UInt64,
    key String,
    name LowCardinality(String),
    value String,
    writer UInt8,
    -- Signed, because what is taken back may be more than was counted.
    count SimpleAggregateFunction(sum, Int64),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, key, name, value, writer)
-- What one sampled event said, and none in the day after it, is an order's number rather than something to choose.
TTL toDateTime(last_block) + INTERVAL 1 DAY DELETE WHERE count = 32
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_schema_values TO schema_values AS
SELECT
    project_id, '' AS key, name, '' AS value, toUInt8(0) AS writer, toInt64(0) AS count, occurred_at AS last_seen, stored_at AS last_block
FROM events
WHERE false;
