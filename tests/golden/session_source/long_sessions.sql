SELECT 1 AS rank, false AS compared, roundDown(toUnixTimestamp64Milli(started), {bucket_starts_1:Array(Int64)}) AS bucket, toFloat64(count()) AS value
FROM (
    SELECT min(occurred_at) AS started, toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(started) AS lasted, countIf(matches) AS matching
    FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, occurred_at, ifNull((session_fact_1 >= {limit_2:Float64}), false) AS matches
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
    LEFT ANY JOIN (
        SELECT
            if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS fact_session,
            (toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(min(occurred_at))) / 1000 AS session_fact_1
        FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_3:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
        WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_5:DateTime64(3, 'UTC')} AND occurred_at < {to_7:DateTime64(3, 'UTC')}
        GROUP BY fact_session
    ) AS session_facts ON if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) = fact_session
    WHERE project_id = {project_4:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_6:DateTime64(3, 'UTC')}
) AS event
    GROUP BY session
    HAVING started >= {from_9:DateTime64(3, 'UTC')} AND started < {to_10:DateTime64(3, 'UTC')} AND matching > 0
)
GROUP BY bucket

-- bucket_starts_1 = [1773010800000]
-- limit_2 = 60.0
-- longest_3 = 1800000
-- project_4 = 7
-- from_5 = 2026-03-06 23:00:00.000
-- to_6 = 2026-03-10 23:00:00.000
-- to_7 = 2026-03-11 23:00:00.000
-- from_8 = 2026-03-07 23:00:00.000
-- from_9 = 2026-03-08 23:00:00.000
-- to_10 = 2026-03-09 23:00:00.000
