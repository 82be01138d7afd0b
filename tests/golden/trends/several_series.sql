SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [ifNotFinite(countIf(event.series = {series_1:UInt64}) / uniqExactIf(person, event.series = {series_1:UInt64}), 0), toFloat64(uniqExactIf(session, event.series = {series_2:UInt64}))][event.series] AS value
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_3:String}) AND (cookieless = 0), false) * {bit_4:UInt64} + ifNull((name = {name_5:String}) AND (properties.`plan`.:String = {value_6:String}), false) * {bit_7:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_8:Array(Int64)}) AS bucket, distinct_hash AS person, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayJoin(arrayFilter((time, pause) -> pause > 1800000 OR time = times[1], times, arrayDifference(times))) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_10:DateTime64(3, 'UTC')} AND occurred_at < {to_11:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_9:UInt64} AND occurred_at >= {from_12:DateTime64(3, 'UTC')} AND occurred_at < {to_11:DateTime64(3, 'UTC')}
    AND (name IN {names_13:Array(String)})
) AS event
GROUP BY series, bucket
ORDER BY series, bucket

-- series_1 = 1
-- series_2 = 2
-- name_3 = purchase
-- bit_4 = 2
-- name_5 = signed_up
-- value_6 = pro
-- bit_7 = 4
-- bucket_starts_8 = [1773010800000]
-- project_9 = 7
-- from_10 = 2026-03-07 23:00:00.000
-- to_11 = 2026-03-09 23:00:00.000
-- from_12 = 2026-03-08 23:00:00.000
-- names_13 = ['purchase', 'signed_up']
