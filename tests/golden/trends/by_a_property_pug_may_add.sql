WITH events_of_cells AS (
    SELECT coalesce(properties.`$browser`::Nullable(String), nullIf(browser, '')) AS value_1, nullIf(channel, '') AS value_2, coalesce(coalesce(dynamicElement(properties.`$browser_version`, 'Float64'), toFloat64(dynamicElement(properties.`$browser_version`, 'Int64')), toFloat64(dynamicElement(properties.`$browser_version`, 'UInt64')), ifNotFinite(toFloat64OrNull(dynamicElement(properties.`$browser_version`, 'String')), NULL)), ifNotFinite(toFloat64OrNull(browser_version), NULL)) AS number_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (coalesce(properties.`$os`.:String, nullIf(os, '')) = {value_4:String})
    AND (nullIf(country, '') = {value_5:String})
),
largest_cells AS (
    SELECT {series_6:UInt64} AS series, value_1, value_2, ifNotFinite(ifNull(max(number_1), 0), 0) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1, value_2
    ORDER BY value DESC, value_1, value_2
    LIMIT {limit_7:UInt64}
),
top_cells AS (
    SELECT series, value_1, value_2, row_number() OVER (ORDER BY series, value DESC, value_1, value_2) AS rank
    FROM largest_cells
)
SELECT {series_6:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, ifNotFinite(ifNull(max(number_1), 0), 0) AS value, false AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1, if(rank = 0, NULL, any(event.value_2)) AS value_2
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_8:Array(Int64)}) AS bucket, coalesce(properties.`$browser`::Nullable(String), nullIf(browser, '')) AS value_1, nullIf(channel, '') AS value_2, coalesce(coalesce(dynamicElement(properties.`$browser_version`, 'Float64'), toFloat64(dynamicElement(properties.`$browser_version`, 'Int64')), toFloat64(dynamicElement(properties.`$browser_version`, 'UInt64')), ifNotFinite(toFloat64OrNull(dynamicElement(properties.`$browser_version`, 'String')), NULL)), ifNotFinite(toFloat64OrNull(browser_version), NULL)) AS number_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (coalesce(properties.`$os`.:String, nullIf(os, '')) = {value_4:String})
    AND (nullIf(country, '') = {value_5:String})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1 AND event.value_2 <=> top_cells.value_2
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- project_1 = 7
-- from_2 = 2026-03-08 23:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- value_4 = macOS
-- value_5 = DE
-- series_6 = 1
-- limit_7 = 10
-- bucket_starts_8 = [1773010800000]
