-- How many events there were in which hour, by name; and the same by the values of one property, for each of those that boards are split by
-- (docs/decisions/0020). Under the key '' are all events, under every other key all of them again, those without a value too.

CREATE TABLE IF NOT EXISTS totals_hours
(
    project_id UInt64,
    key LowCardinality(String),
    name LowCardinality(String),
    -- The hour, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- As text; NULL is absent.
    value Nullable(String) CODEC(ZSTD(1)),
    writer UInt8,
    events SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_block SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    INDEX last_block_minmax last_block TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PRIMARY KEY (project_id, key, name, occurred_at)
ORDER BY (project_id, key, name, occurred_at, value, writer)
SETTINGS non_replicated_deduplication_window = 10000, allow_nullable_key = 1, min_bytes_for_wide_part = 134217728;

-- Events that are alike in all of the properties are counted first, and only those counts taken apart.
CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_totals_hours TO totals_hours AS
SELECT project_id, said.1 AS key, name, hour AS occurred_at, said.2 AS value, writer, sum(alike) AS events, max(block) AS last_block
FROM
(
    SELECT
        project_id, name, hour, writer, count() AS alike, max(stored_at) AS block,
        known_browser, known_os, known_device, known_country, known_hostname, known_channel, known_referrer_domain, known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
    FROM
    (
        SELECT
            project_id, name, stored_at,
            toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer,
            fromUnixTimestamp64Milli(
                toUnixTimestamp64Milli(occurred_at) - positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000), 'UTC'
            ) AS hour,
            toLowCardinality(coalesce(properties.`$browser`::Nullable(String), nullIf(browser, ''))) AS known_browser,
            toLowCardinality(coalesce(properties.`$os`::Nullable(String), nullIf(os, ''))) AS known_os,
            toLowCardinality(coalesce(properties.`$device`::Nullable(String), nullIf(device, ''))) AS known_device,
            nullIf(country, '') AS known_country,
            toLowCardinality(coalesce(properties.`$hostname`::Nullable(String), nullIf(hostname, ''))) AS known_hostname,
            nullIf(channel, '') AS known_channel,
            nullIf(referrer_domain, '') AS known_referrer_domain,
            toLowCardinality(coalesce(properties.`$utm_source`::Nullable(String), nullIf(utm_source, ''))) AS known_utm_source,
            toLowCardinality(coalesce(properties.`$utm_medium`::Nullable(String), nullIf(utm_medium, ''))) AS known_utm_medium,
            toLowCardinality(coalesce(properties.`$utm_campaign`::Nullable(String), nullIf(utm_campaign, ''))) AS known_utm_campaign,
            coalesce(properties.`$pathname`::Nullable(String), nullIf(pathname, '')) AS known_pathname
        FROM events
    )
    GROUP BY
        project_id, name, hour, writer,
        known_browser, known_os, known_device, known_country, known_hostname, known_channel, known_referrer_domain, known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
)
ARRAY JOIN CAST(
    [
        ('', NULL),
        ('$browser', known_browser),
        ('$os', known_os),
        ('$device', known_device),
        ('$country', known_country),
        ('$hostname', known_hostname),
        ('$channel', known_channel),
        ('$referrer_domain', known_referrer_domain),
        ('$utm_source', known_utm_source),
        ('$utm_medium', known_utm_medium),
        ('$utm_campaign', known_utm_campaign),
        ('$pathname', known_pathname)
    ],
    'Array(Tuple(LowCardinality(String), Nullable(String)))'
) AS said
GROUP BY project_id, key, name, occurred_at, value, writer;

-- The writers of whom it counts more or fewer events than there are.
SELECT writer, sum(counted) AS off_by
FROM
(
    SELECT writer, toInt64(events) AS counted FROM totals_hours WHERE key = ''
    UNION ALL
    SELECT toUInt8(bitAnd(toUnixTimestamp64Micro(stored_at), 15)) AS writer, -1 AS counted FROM events
)
GROUP BY writer
HAVING off_by != 0;
