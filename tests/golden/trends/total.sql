SELECT {series_1:UInt64} AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(count()) AS value, false AS compared
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_2:Array(Int64)}) AS bucket
    FROM events
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
    AND (name = {name_6:String})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- bucket_starts_2 = [1773010800000]
-- project_3 = 7
-- from_4 = 2026-03-08 23:00:00.000
-- to_5 = 2026-03-09 23:00:00.000
-- name_6 = signed_up
