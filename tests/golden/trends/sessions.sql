SELECT 1 AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExact(session)) AS value
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_1:Array(Int64)}) AS bucket, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayJoin(arrayFilter((time, pause) -> pause > 1800000 OR time = times[1], times, arrayDifference(times))) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_3:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_2:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_4:DateTime64(3, 'UTC')}
    AND (name = {name_6:String})
) AS event
GROUP BY series, bucket
ORDER BY series, bucket

-- bucket_starts_1 = [1773010800000]
-- project_2 = 7
-- from_3 = 2026-03-07 23:00:00.000
-- to_4 = 2026-03-09 23:00:00.000
-- from_5 = 2026-03-08 23:00:00.000
-- name_6 = signed_up
