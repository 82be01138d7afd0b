WITH counted AS (
    SELECT {series_1:UInt64} AS series, value_1, bucket, sumState(events) AS state_2
    FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_2:Array(Int64)}) AS bucket, ifNull(property_value, '\0') AS value_1, events
    FROM totals_hours
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (key = {key_6:String})
    AND (name = {name_7:String})
) AS event
    GROUP BY value_1, bucket
),
measured AS (
    SELECT *, toFloat64(sumMerge(state_2) OVER (PARTITION BY series, value_1)) AS overall, max(true) OVER (PARTITION BY series, value_1) AS is_kept
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_8:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(sumMerge(state_2)) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_1), '\0'))) AS value_1
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- bucket_starts_2 = [1772582400000, 1772668800000, 1772755200000, 1772841600000, 1772928000000, 1773014400000, 1773100800000]
-- project_3 = 7
-- from_4 = 2026-03-04 00:00:00.000
-- to_5 = 2026-03-11 00:00:00.000
-- key_6 = $country
-- name_7 = page_view
-- limit_8 = 10
