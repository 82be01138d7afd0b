SELECT {series_1:UInt64} AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, toFloat64(uniqExact(session)) AS value, false AS compared
FROM (
    SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_2:Array(Int64)}) AS bucket, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_3:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_7:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
    AND (name = {name_8:String})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- bucket_starts_2 = [1773010800000]
-- longest_3 = 1800000
-- project_4 = 7
-- from_5 = 2026-03-07 23:00:00.000
-- to_6 = 2026-03-09 23:00:00.000
-- from_7 = 2026-03-08 23:00:00.000
-- name_8 = signed_up
