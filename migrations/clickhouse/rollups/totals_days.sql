-- What totals_hours says by the hour, by the day in UTC: of the properties that have so many values that an hour has nearly as many of
-- them as a day (docs/decisions/0020).

CREATE TABLE IF NOT EXISTS totals_days
(
    project_id UInt64,
    key LowCardinality(String),
    name LowCardinality(String),
    -- The day, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- As text; NULL is absent.
    property_value Nullable(String) CODEC(ZSTD(1)),
    writer UInt8,
    events SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    INDEX last_block_minmax last_block TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (project_id, key, name, occurred_at)
ORDER BY (project_id, key, name, occurred_at, property_value, writer)
SETTINGS non_replicated_deduplication_window = 10000, allow_nullable_key = 1, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_totals_days TO totals_days AS
SELECT
    project_id,
    '$pathname' AS key,
    name,
    day AS occurred_at,
    known_pathname AS property_value,
    writer,
    count() AS events,
    max(stored_at) AS last_block
FROM
(
    SELECT
        project_id, name, stored_at,
        toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
        -- toStartOfDay knows no years before 1970.
        fromUnixTimestamp64Milli(
            toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), 86400000), 'UTC'
        ) AS day,
        coalesce(properties.`$pathname`::Nullable(String), nullIf(pathname, '')) AS known_pathname
    FROM events
)
GROUP BY project_id, name, day, known_pathname, writer;

-- The writers of whom it counts more or fewer events than there are.
SELECT writer, sum(counted) AS off_by
FROM
(
    SELECT writer, toInt64(events) AS counted FROM totals_days
    UNION ALL
    SELECT toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer, -1 AS counted FROM events
)
GROUP BY writer
HAVING off_by != 0;
