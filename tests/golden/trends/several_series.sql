SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [ifNotFinite(countIf(event.series = {series_1:UInt64}) / uniqExactIf(person, event.series = {series_1:UInt64}), 0), toFloat64(uniqExactIf(session, event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, false AS compared
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_4:String}) AND (cookieless = 0), false) * {bit_5:UInt64} + ifNull((name = {name_6:String}) AND (properties.`plan`.:String = {value_7:String}), false) * {bit_8:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, distinct_hash AS person, if(session_id = '', sipHash64(distinct_hash, stitched_start), sipHash64(session_id)) AS session
    FROM events
    ASOF LEFT JOIN (
        SELECT
            distinct_hash AS stitched_hash,
            arrayDifference(times) AS pauses,
            arrayJoin(arrayFilter((time, pause) -> pause > {longest_10:Int64} OR time = times[1], times, pauses)) AS stitched_start
        FROM (
            SELECT distinct_hash, arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))) AS times
            FROM events
            WHERE project_id = {project_11:UInt64} AND occurred_at >= {from_12:DateTime64(3, 'UTC')} AND occurred_at < {to_13:DateTime64(3, 'UTC')} AND session_id = ''
            GROUP BY distinct_hash
        )
    ) AS stitched ON distinct_hash = stitched_hash AND toUnixTimestamp64Milli(occurred_at) >= stitched_start
    WHERE project_id = {project_11:UInt64} AND occurred_at >= {from_14:DateTime64(3, 'UTC')} AND occurred_at < {to_13:DateTime64(3, 'UTC')}
    AND (name IN {names_15:Array(String)})
) AS event
GROUP BY series, rank, bucket
ORDER BY series, rank, bucket

-- series_1 = 1
-- series_2 = 2
-- all_series_3 = [1, 2]
-- name_4 = purchase
-- bit_5 = 2
-- name_6 = signed_up
-- value_7 = pro
-- bit_8 = 4
-- bucket_starts_9 = [1773010800000]
-- longest_10 = 1800000
-- project_11 = 7
-- from_12 = 2026-03-07 23:00:00.000
-- to_13 = 2026-03-09 23:00:00.000
-- from_14 = 2026-03-08 23:00:00.000
-- names_15 = ['purchase', 'signed_up']
