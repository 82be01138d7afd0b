-- How many events there were in which hour, by name; and the same by the values of one property, for each of those that boards are split by
-- (docs/decisions/0020). Under the key '' are all events, under every other key all of them again, those without a value too.

CREATE TABLE IF NOT EXISTS totals_hours
(
    project_id UInt64,
    key LowCardinality(String),
    name LowCardinality(String),
    -- The hour, in UTC.
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- As text; NULL is absent. (In conditions `value` is the name of what is compared with.)
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

-- Events that are alike in all of the properties are counted first, and those counts by one property after the other.
CREATE MATERIALIZED VIEW IF NOT EXISTS events_to_totals_hours TO totals_hours AS
WITH GROUPING(
    known_browser, known_os, known_device, known_country, known_hostname, known_channel,
    known_referrer_domain, known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
) AS left_out
SELECT
    project_id,
    -- A bit is set for each property that is not counted by, the last property's is the lowest.
    transform(
        left_out,
        [1023, 1535, 1791, 1919, 1983, 2015, 2031, 2039, 2043, 2045, 2046],
        ['$browser', '$os', '$device', '$country', '$hostname', '$channel', '$referrer_domain', '$utm_source', '$utm_medium',
        '$utm_campaign', '$pathname'],
        ''
    ) AS key,
    name,
    hour AS occurred_at,
    -- All but one are absent.
    coalesce(
        known_browser, known_os, known_device, known_country, known_hostname, known_channel,
        known_referrer_domain, known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
    ) AS property_value,
    writer,
    sum(alike) AS events,
    max(block) AS last_block
FROM
(
    SELECT
        project_id, name, hour, writer, count() AS alike, max(stored_at) AS block,
        known_browser, known_os, known_device, known_country, known_hostname, known_channel, known_referrer_domain,
        known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
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
        known_browser, known_os, known_device, known_country, known_hostname, known_channel, known_referrer_domain,
        known_utm_source, known_utm_medium, known_utm_campaign, known_pathname
)
GROUP BY GROUPING SETS (
    (project_id, name, hour, writer),
    (project_id, name, hour, writer, known_browser),
    (project_id, name, hour, writer, known_os),
    (project_id, name, hour, writer, known_device),
    (project_id, name, hour, writer, known_country),
    (project_id, name, hour, writer, known_hostname),
    (project_id, name, hour, writer, known_channel),
    (project_id, name, hour, writer, known_referrer_domain),
    (project_id, name, hour, writer, known_utm_source),
    (project_id, name, hour, writer, known_utm_medium),
    (project_id, name, hour, writer, known_utm_campaign),
    (project_id, name, hour, writer, known_pathname)
);

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
