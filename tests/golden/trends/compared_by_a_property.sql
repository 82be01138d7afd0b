SELECT *
FROM
(
(
WITH events_of_cells AS (
    SELECT properties.`plan`::Nullable(String) AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
),
largest_cells AS (
    SELECT {series_5:UInt64} AS series, value_1, toFloat64(count()) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, value_1
    LIMIT {limit_6:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, value_1) AS rank
    FROM largest_cells
)
SELECT {series_5:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(count()) AS value, false AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_7:Array(Int64)}) AS bucket, properties.`plan`::Nullable(String) AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket
)
UNION ALL
(
WITH events_of_cells AS (
    SELECT properties.`plan`::Nullable(String) AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_2:DateTime64(3, 'UTC')} AND occurred_at < {to_3:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
),
largest_cells AS (
    SELECT {series_5:UInt64} AS series, value_1, toFloat64(count()) AS value
    FROM events_of_cells AS event
    GROUP BY series, value_1
    ORDER BY value DESC, value_1
    LIMIT {limit_6:UInt64}
),
top_cells AS (
    SELECT series, value_1, row_number() OVER (ORDER BY series, value DESC, value_1) AS rank
    FROM largest_cells
)
SELECT {series_5:UInt64} AS series, rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(count()) AS value, true AS compared, if(rank = 0, NULL, any(event.value_1)) AS value_1
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_8:Array(Int64)}) AS bucket, properties.`plan`::Nullable(String) AS value_1
    FROM events
    WHERE project_id = {project_1:UInt64} AND occurred_at >= {from_9:DateTime64(3, 'UTC')} AND occurred_at < {to_10:DateTime64(3, 'UTC')}
    AND (name = {name_4:String})
) AS event
LEFT ANY JOIN top_cells ON event.value_1 <=> top_cells.value_1
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket
)
)

-- project_1 = 7
-- from_2 = 2026-03-08 23:00:00.000
-- to_3 = 2026-03-09 23:00:00.000
-- name_4 = signed_up
-- series_5 = 1
-- limit_6 = 10
-- bucket_starts_7 = [1773010800000]
-- bucket_starts_8 = [1772924400000]
-- from_9 = 2026-03-07 23:00:00.000
-- to_10 = 2026-03-08 23:00:00.000
