-- What there was of which session in which hour: its first and its last moment, its events and its page views. Those without a
-- session id are under session 0: to which session they belong depends on their neighbours (docs/decisions/0020).

CREATE TABLE IF NOT EXISTS session_hours
(
    project_id UInt64 CODEC(Delta, ZSTD(1)),
    -- The hour, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- The hash of the session's id.
    session UInt64,
    writer UInt8,
    first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    events SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    page_views SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    INDEX last_block_minmax last_block TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (project_id, occurred_at, session)
ORDER BY (project_id, occurred_at, session, writer)
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_session_hours TO session_hours AS
SELECT
    project_id,
    hour AS occurred_at,
    session,
    writer,
    min(at) AS first_at,
    max(at) AS last_at,
    count() AS events,
    countIf(name = 'page_view') AS page_views,
    max(stored_at) AS last_block
FROM
(
    SELECT
        project_id, name, stored_at,
        toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
        occurred_at AS at,
        fromUnixTimestamp64Milli(
            toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000), 'UTC'
        ) AS hour,
        if(session_id = '', 0, sipHash64(session_id)) AS session
    FROM events
)
GROUP BY project_id, hour, session, writer;

-- The writers of whom it counts more or fewer events than there are.
SELECT writer, sum(counted) AS off_by
FROM
(
    SELECT writer, toInt64(events) AS counted FROM session_hours
    UNION ALL
    SELECT toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer, -1 AS counted FROM events
)
GROUP BY writer
HAVING off_by != 0;
