SELECT 1 AS rank, false AS compared, toInt64(0) AS bucket, toFloat64(quantileExactInclusive(0.5)(lasted)) AS value
FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, ifNull((name = {name_1:String}), false) AS matches
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_2:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_4:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_3:UInt64} AND occurred_at >= {from_6:DateTime64(3, 'UTC')} AND occurred_at < {to_5:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_7:DateTime64(3, 'UTC')} AND started < {to_8:DateTime64(3, 'UTC')} AND matching > 0
)
GROUP BY bucket

-- name_1 = signed_up
-- longest_2 = 1800000
-- project_3 = 7
-- from_4 = 2026-03-06 23:00:00.000
-- to_5 = 2026-03-10 23:00:00.000
-- from_6 = 2026-03-07 23:00:00.000
-- from_7 = 2026-03-08 23:00:00.000
-- to_8 = 2026-03-09 23:00:00.000
