WITH counted AS (
    SELECT {series_1:UInt64} AS series, value_1, value_2, {start_2:Int64} AS bucket, maxState(number_1) AS state_2
    FROM (
    SELECT ifNull(if(browser != '', browser, properties.`$browser`::Nullable(String)), '\0') AS value_1, ifNull(nullIf(channel, ''), '\0') AS value_2, coalesce(coalesce(dynamicElement(properties.`$browser_version`, 'Float64'), toFloat64(dynamicElement(properties.`$browser_version`, 'Int64')), toFloat64(dynamicElement(properties.`$browser_version`, 'UInt64')), ifNotFinite(toFloat64OrNull(dynamicElement(properties.`$browser_version`, 'String')), NULL)), ifNotFinite(toFloat64OrNull(browser_version), NULL)) AS number_1
    FROM events
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (coalesce(properties.`$os`.:String, nullIf(os, '')) = {value_6:String})
    AND (nullIf(country, '') = {value_7:String})
) AS event
    GROUP BY value_1, value_2
),
measured AS (
    SELECT *, ifNotFinite(ifNull(finalizeAggregation(state_2), 0), 0) AS overall, true AS is_kept
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0'), nullIf(value_2, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_8:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, ifNotFinite(ifNull(maxMerge(state_2), 0), 0) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_1), '\0'))) AS value_1, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_2), '\0'))) AS value_2
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- start_2 = 1773010800000
-- project_3 = 7
-- from_4 = 2026-03-08 23:00:00.000
-- to_5 = 2026-03-09 23:00:00.000
-- value_6 = macOS
-- value_7 = DE
-- limit_8 = 10
