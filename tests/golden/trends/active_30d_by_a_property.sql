WITH events_of_cells AS (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {slots_1:Array(Int64)}) AS slot, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, distinct_hash AS person
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (cookieless = 0)
),
largest_cells AS (
    SELECT {series_6:UInt64} AS series, value_1, toFloat64(uniqExactIf(person, slot >= {window_start_7:Int64})) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, nullIf(value_1, '\0')
    LIMIT {limit_8:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, nullIf(value_1, '\0')) AS rank
    FROM largest_cells
)
SELECT {series_6:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExact(person)) AS value, false AS compared, toLowCardinality(if(rank = 0, NULL, nullIf(any(event.value_1), '\0'))) AS value_1
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, ifNull(properties.`plan`::Nullable(String), '\0') AS value_1, distinct_hash AS person
    FROM events
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_5:String})
    AND (cookieless = 0)
) AS event
LEFT ANY JOIN top_cells ON event.value_1 = top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- slots_1 = [1770505200000, 1773010800000]
-- project_2 = 7
-- from_3 = 2026-02-07 23:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- name_5 = signed_up
-- series_6 = 1
-- window_start_7 = 1770505200000
-- limit_8 = 10
-- bucket_starts_9 = [1773010800000]
