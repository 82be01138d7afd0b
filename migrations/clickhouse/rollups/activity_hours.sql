-- Who did what in which hour: one row for a name, an hour, a distinct id, and the values of the properties that boards are split by.
-- Most of these stay the same for a whole visit, so a visit is a row or two. It reads like a narrower events table whose rows say how many
-- events they stand for; all of them stand at the beginning of their hour (docs/decisions/0020).

CREATE TABLE IF NOT EXISTS activity_hours
(
    project_id UInt64 CODEC(Delta, ZSTD(1)),
    name LowCardinality(String),
    -- The hour, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    distinct_hash UInt64,
    -- The value that counts as text, whether the client sent it or Pug added it; NULL is absent.
    browser LowCardinality(Nullable(String)),
    os LowCardinality(Nullable(String)),
    device LowCardinality(Nullable(String)),
    country LowCardinality(Nullable(String)),
    hostname LowCardinality(Nullable(String)),
    channel LowCardinality(Nullable(String)),
    referrer_domain LowCardinality(Nullable(String)),
    utm_source LowCardinality(Nullable(String)),
    utm_medium LowCardinality(Nullable(String)),
    utm_campaign LowCardinality(Nullable(String)),
    writer UInt8,
    -- Follows from the id.
    cookieless SimpleAggregateFunction(max, UInt8),
    events SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    -- After a crash the worker looks for a block's rows, which are in new parts.
    INDEX last_block_minmax last_block TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (project_id, name, occurred_at, distinct_hash)
ORDER BY (
    project_id, name, occurred_at, distinct_hash,
    browser, os, device, country, hostname, channel, referrer_domain, utm_source, utm_medium, utm_campaign, writer
)
-- No partitions: an insert is one part, so a block is in it whole or not at all (workers/derived.py).
SETTINGS non_replicated_deduplication_window = 10000, allow_nullable_key = 1, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_activity_hours TO activity_hours AS
SELECT
    project_id,
    name,
    hour AS occurred_at,
    distinct_hash,
    known_browser AS browser,
    known_os AS os,
    known_device AS device,
    known_country AS country,
    known_hostname AS hostname,
    known_channel AS channel,
    known_referrer_domain AS referrer_domain,
    known_utm_source AS utm_source,
    known_utm_medium AS utm_medium,
    known_utm_campaign AS utm_campaign,
    writer,
    max(visitor) AS cookieless,
    count() AS events,
    max(stored_at) AS last_block
FROM
(
    SELECT
        project_id, name, distinct_hash, stored_at,
        toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
        cookieless AS visitor,
        -- toStartOfHour knows no years before 1970.
        fromUnixTimestamp64Milli(
            toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000), 'UTC'
        ) AS hour,
        -- As services/insights/properties.py reads them.
        toLowCardinality(coalesce(properties.`$browser`::Nullable(String), nullIf(browser, ''))) AS known_browser,
        toLowCardinality(coalesce(properties.`$os`::Nullable(String), nullIf(os, ''))) AS known_os,
        toLowCardinality(coalesce(properties.`$device`::Nullable(String), nullIf(device, ''))) AS known_device,
        nullIf(country, '') AS known_country,
        toLowCardinality(coalesce(properties.`$hostname`::Nullable(String), nullIf(hostname, ''))) AS known_hostname,
        nullIf(channel, '') AS known_channel,
        nullIf(referrer_domain, '') AS known_referrer_domain,
        toLowCardinality(coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, ''))) AS known_utm_source,
        toLowCardinality(coalesce(properties.`$utm_medium`::Nullable(String), nullIf(utm_medium, ''))) AS known_utm_medium,
        toLowCardinality(coalesce(properties.`$utm_campaign`::Nullable(String), nullIf(utm_campaign, ''))) AS known_utm_campaign
    FROM events
)
GROUP BY
    project_id, name, hour, distinct_hash,
    known_browser, known_os, known_device, known_country, known_hostname, known_channel, known_referrer_domain, known_utm_source,
    known_utm_medium, known_utm_campaign,
    writer;

-- The writers of whom it counts more or fewer events than there are.
SELECT writer, sum(counted) AS off_by
FROM
(
    SELECT writer, toInt64(events) AS counted FROM activity_hours
    UNION ALL
    SELECT toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer, -1 AS counted FROM events
)
GROUP BY writer
HAVING off_by != 0;
