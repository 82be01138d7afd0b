SELECT mine, person, ms, toString(event_id) AS id, name, distinct_id, session, common, steps, exclusions
FROM (
    SELECT distinct_hash = sipHash64({id_1:String}) AS mine, distinct_hash AS person, toUnixTimestamp64Milli(occurred_at) AS ms, event_id, name, distinct_id, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session, CAST([], 'Array(Nullable(String))') AS common, ifNull((name = {name_2:String}), false) * {bit_3:UInt64} + ifNull((name = {name_4:String}), false) * {bit_5:UInt64} AS steps, 0 AS exclusions, bitShiftLeft(toInt256(toUnixTimestamp64Milli(occurred_at)), 128) + toUInt128(event_id) AS place
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_6:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')}
    AND (name IN {names_11:Array(String)})
    AND (session IN (SELECT session FROM (
    SELECT if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_6:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_8:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_7:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_9:DateTime64(3, 'UTC')}
    AND (name IN {names_11:Array(String)})
    AND (distinct_hash = sipHash64({id_1:String}))
)))
) AS event
WHERE steps > 0 OR exclusions > 0
ORDER BY place
LIMIT {rows_12:UInt64}

-- id_1 = ann
-- name_2 = viewed
-- bit_3 = 1
-- name_4 = bought
-- bit_5 = 2
-- longest_6 = 1800000
-- project_7 = 7
-- from_8 = 2026-02-28 00:00:00.000
-- to_9 = 2026-04-17 00:00:00.000
-- from_10 = 2026-03-01 00:00:00.000
-- names_11 = ['bought', 'viewed']
-- rows_12 = 101
