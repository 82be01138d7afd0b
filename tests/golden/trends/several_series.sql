SELECT event.series AS series, 1 AS rank, fromUnixTimestamp64Milli(bucket, 'UTC') AS bucket_start, [ifNotFinite(countIf(event.series = {series_1:UInt64}) / uniqExactIf(person, event.series = {series_1:UInt64}), 0), toFloat64(uniqExactIf(session, session != '' AND event.series = {series_2:UInt64}))][indexOf({all_series_3:Array(Int64)}, event.series)] AS value, false AS compared
FROM (
    SELECT arrayJoin(bitPositionsToArray(ifNull((name = {name_4:String}) AND (cookieless = 0), false) * {bit_5:UInt64} + ifNull((name = {name_6:String}) AND (properties.`plan`.:String = {value_7:String}), false) * {bit_8:UInt64})) AS series, roundDown(toUnixTimestamp64Milli(occurred_at), {bucket_starts_9:Array(Int64)}) AS bucket, distinct_hash AS person, session_id AS session
    FROM events
    WHERE project_id = {project_10:UInt64} AND occurred_at >= {from_11:DateTime64(3, 'UTC')} AND occurred_at < {to_12:DateTime64(3, 'UTC')}
    AND (name IN {names_13:Array(String)})
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
-- project_10 = 7
-- from_11 = 2026-03-08 23:00:00.000
-- to_12 = 2026-03-09 23:00:00.000
-- names_13 = ['purchase', 'signed_up']
