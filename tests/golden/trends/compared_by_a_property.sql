WITH counted AS (
    SELECT {series_1:UInt64} AS series, value_1, bucket, countState() AS state_2
    FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_2:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1
    FROM events
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (name = {name_6:String})
) AS event
    GROUP BY value_1, bucket
),
measured AS (
    SELECT *, toFloat64(countMergeIf(state_2, bucket >= {start_7:Int64}) OVER (PARTITION BY series, value_1)) AS overall, max((bucket >= {start_7:Int64})) OVER (PARTITION BY series, value_1) AS is_kept
    FROM counted
),
placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY series ORDER BY is_kept DESC, overall DESC, nullIf(value_1, '\0')) AS place
    FROM measured
)
SELECT series, if(is_kept AND place <= {limit_8:UInt64}, place, 0) AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(countMerge(state_2)) AS value, (bucket < {start_7:Int64})::Bool AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(placed.value_1), '\0'))) AS value_1
FROM placed
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- bucket_starts_2 = [1772924400000, 1773010800000]
-- project_3 = 7
-- from_4 = 2026-03-07 23:00:00.000
-- to_5 = 2026-03-09 23:00:00.000
-- name_6 = signed_up
-- start_7 = 1773010800000
-- limit_8 = 10
